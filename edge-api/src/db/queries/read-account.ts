import { z } from "zod";
import type { Database } from "../database.ts";

const Account = z.object({
  userId: z.string(),
  email: z.string(),
  name: z.string().nullable(),
  token: z.object({ id: z.string(), name: z.string(), expiresAt: z.string().nullable() }),
});
export type AccountRow = z.infer<typeof Account>;

const accountStatement = `
select coalesce((
  select json_build_object('userId', u.id, 'email', u.email, 'name', u.name,
    'token', json_build_object('id', t.id, 'name', t.name, 'expiresAt', t.expires_at))
  from personal_tokens t join users u on u.id = t.user_id where t.id = $1), 'null'::json)::text`;

/** The person of a personal token, and what the token says of itself. */
export const readAccount = async (db: Database, tokenId: string): Promise<AccountRow | null> =>
  Account.nullable().parse(await db.call(accountStatement, [tokenId]));

const environmentJson = (e: string) =>
  `'id', ${e}.id, 'slug', ${e}.slug, 'type', ${e}.type, 'branch', ${e}.branch_name`;

const Place = z.object({
  id: z.string(),
  slug: z.string(),
  type: z.enum(["development", "staging", "production", "preview"]),
  branch: z.string().nullable(),
});

const Project = z.object({
  id: z.string(),
  externalRef: z.string(),
  name: z.string(),
  slug: z.string(),
  createdAt: z.string(),
  organization: z.object({ id: z.string(), title: z.string(), slug: z.string() }),
  environments: z.array(Place),
});
export type ProjectRow = z.infer<typeof Project>;

const projectsStatement = `
select coalesce(json_agg(json_build_object('id', p.id, 'externalRef', p.ref, 'name', p.name, 'slug', p.slug,
  'createdAt', p.created_at, 'organization', json_build_object('id', o.id, 'title', o.name, 'slug', o.slug),
  'environments', (
    select coalesce(json_agg(json_build_object(${environmentJson("e")}) order by e.id), '[]')
    from environments e where e.project_id = p.id and e.archived_at is null)) order by p.id), '[]')::text
from members m
join organizations o on o.id = m.organization_id
join projects p on p.organization_id = o.id
where m.user_id = $1`;

/** The projects of a person's organizations, oldest first, with their environments. */
export const listProjects = async (db: Database, userId: string): Promise<ProjectRow[]> =>
  z.array(Project).parse(await db.call(projectsStatement, [userId]));

const PlaceOfProject = Place.extend({ project: z.object({ ref: z.string(), name: z.string() }) });
export type PlaceRow = z.infer<typeof PlaceOfProject>;

const placeStatement = `
select coalesce((
  select json_build_object(${environmentJson("e")}, 'project', json_build_object('ref', p.ref, 'name', p.name))
  from environments e join projects p on p.id = e.project_id where e.id = $1), 'null'::json)::text`;

/** An environment and its project. */
export const readPlace = async (db: Database, environmentId: string): Promise<PlaceRow | null> =>
  PlaceOfProject.nullable().parse(await db.call(placeStatement, [environmentId]));
