import { z } from "zod";
import type { Database } from "../database.ts";
import { jsonbText } from "../jsonb-text.ts";

export type NewWorkspace = {
  organizationId: string;
  organizationName: string;
  projectId: string;
  projectRef: string;
  projectName: string;
  poolId: string;
  userId: string;
  email: string;
  environments: { id: string; slug: string; type: string; runningMax: number }[];
};

const Answer = z.object({
  created: z.boolean(),
  userId: z.string(),
  projectRef: z.string(),
  poolId: z.string(),
  environments: z.array(z.object({ id: z.string(), slug: z.string() })),
});
export type Workspace = z.infer<typeof Answer>;

const find = `
select coalesce((
  select json_build_object('created', false, 'userId', m.user_id, 'projectRef', p.ref, 'poolId', e.pool_id,
    'environments', json_agg(json_build_object('id', e.id, 'slug', e.slug) order by e.slug))
  from (select * from projects order by id limit 1) p
  join environments e on e.project_id = p.id and e.parent_environment_id is null
  join lateral (select user_id from members where organization_id = p.organization_id order by created_at limit 1) m on true
  group by p.ref, m.user_id, e.pool_id
), 'null'::json)::text`;

const create = `
with w as (
  select * from jsonb_to_record($1::jsonb) as w(
    "organizationId" text, "organizationName" text, "projectId" text, "projectRef" text, "projectName" text,
    "poolId" text, "userId" text, "email" text, "environments" jsonb)
),
org as (
  insert into organizations (id, slug, name)
  select "organizationId", lower(regexp_replace("organizationName", '[^A-Za-z0-9]+', '-', 'g')), "organizationName" from w
),
person as (insert into users (id, email) select "userId", "email" from w),
member as (insert into members (organization_id, user_id, role) select "organizationId", "userId", 'owner' from w),
project as (
  insert into projects (id, organization_id, ref, slug, name)
  select "projectId", "organizationId", "projectRef",
    lower(regexp_replace("projectName", '[^A-Za-z0-9]+', '-', 'g')), "projectName" from w
),
pool as (insert into pools (id, organization_id, name) select "poolId", "organizationId", 'default' from w),
envs as (
  select e.id, e.slug, e.type, e."runningMax" as running_max, w."projectId" as project_id, w."poolId" as pool_id
  from w, jsonb_to_recordset(w."environments") as e(id text, slug text, type text, "runningMax" int)
),
made as (
  insert into environments (id, project_id, pool_id, slug, type) select id, project_id, pool_id, slug, type from envs
),
slots as (
  insert into environment_slots (environment_id, pool_id, running_max, concurrency_limit)
  select id, pool_id, running_max, running_max from envs
)
select json_build_object('created', true, 'userId', "userId", 'projectRef', "projectRef", 'poolId', "poolId",
  'environments', (select json_agg(json_build_object('id', id, 'slug', slug) order by slug) from envs))::text
from w`;

/** The oldest project of this database and its environments, without branches and sessions; null before the first start. */
export const findWorkspace = async (db: Database): Promise<Workspace | null> =>
  Answer.nullable().parse(await db.call(find, []));

/** Creates an organization with one owner, one project, its environments and the pool of agents that serves them. */
export const createWorkspace = async (db: Database, workspace: NewWorkspace): Promise<Workspace> =>
  Answer.parse(await db.call(create, [jsonbText(workspace)]));
