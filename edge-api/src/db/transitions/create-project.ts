import { z } from "zod";
import type { Database } from "../database.ts";
import { jsonbText } from "../jsonb-text.ts";

export type NewProject = {
  id: string;
  ref: string;
  slug: string;
  name: string;
  environments: { id: string; slug: string; type: string }[];
};

const Answer = z.object({
  organizationCount: z.int(),
  projectId: z.string().nullable(),
  created: z.boolean(),
});

/* Agents that serve the organization's first project serve the new one too: pool and limits are those. */
const statement = `
with wish as (
  select * from jsonb_to_record($3::jsonb) as w(id text, ref text, slug text, name text, environments jsonb)
),
org as (
  select m.organization_id as id from members m join organizations o on o.id = m.organization_id
  where m.user_id = $1 and m.role in ('owner', 'admin') and ($2::text is null or o.slug = $2)
),
sole as (select id from org where (select count(*) from org) = 1),
known as (
  select p.id from projects p join sole on sole.id = p.organization_id join wish on wish.name = p.name order by p.id limit 1
),
model as (
  select e.pool_id, s.running_max, s.concurrency_limit
  from sole
  join projects p on p.organization_id = sole.id
  join environments e on e.project_id = p.id and e.parent_environment_id is null
  join environment_slots s on s.environment_id = e.id
  order by p.id, e.id limit 1
),
project as (
  insert into projects (id, organization_id, ref, slug, name)
  select wish.id, sole.id, wish.ref, wish.slug, wish.name from wish, sole, model where not exists (select from known)
  returning id
),
envs as (
  select e.id, e.slug, e.type, project.id as project_id, model.*
  from project, model, wish, jsonb_to_recordset(wish.environments) as e(id text, slug text, type text)
),
made as (
  insert into environments (id, project_id, pool_id, slug, type) select id, project_id, pool_id, slug, type from envs
),
slots as (
  insert into environment_slots (environment_id, pool_id, running_max, concurrency_limit)
  select id, pool_id, running_max, concurrency_limit from envs
)
select json_build_object('organizationCount', (select count(*) from org),
  'projectId', coalesce((select id from project), (select id from known)), 'created', exists (select from project))::text`;

/**
 * A project with its environments, in the one organization that the person owns or administers, or the one that is named
 * by its slug. A name that the organization has is the project again.
 *
 * Shape: `projectId` null unless exactly one organization is meant. Cost: one round trip.
 */
export const createProject = async (
  db: Database,
  place: { userId: string; organization: string | null },
  project: NewProject,
): Promise<z.infer<typeof Answer>> =>
  Answer.parse(await db.call(statement, [place.userId, place.organization, jsonbText(project)]));
