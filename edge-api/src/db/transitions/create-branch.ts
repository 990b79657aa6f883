import { z } from "zod";
import type { Database } from "../database.ts";

/* The preview environment and the branch take pool and limits of an environment that the project has. */
const statement = `
with place as (
  select p.id as project_id, e.pool_id, s.running_max, s.concurrency_limit
  from projects p
  join members m on m.organization_id = p.organization_id and m.user_id = $2 and m.role <> 'viewer'
  join environments e on e.project_id = p.id
  join environment_slots s on s.environment_id = e.id
  where p.ref = $1 order by e.id limit 1
),
parent as (
  insert into environments (id, project_id, pool_id, slug, type)
  select $4, project_id, pool_id, 'preview', 'preview' from place
  on conflict (project_id, slug, coalesce(branch_name, '')) do update set slug = excluded.slug
  returning id, project_id, pool_id
),
branch as (
  insert into environments (id, project_id, pool_id, slug, type, parent_environment_id, branch_name)
  select $5, project_id, pool_id, 'preview', 'preview', id, $3 from parent
  on conflict (project_id, slug, coalesce(branch_name, '')) do update set archived_at = null
  returning id
),
slots as (
  insert into environment_slots (environment_id, pool_id, running_max, concurrency_limit)
  select made.id, place.pool_id, place.running_max, place.concurrency_limit
  from place, (select id from parent union all select id from branch) made
  on conflict (environment_id) do nothing
)
select coalesce((select to_json(id) from branch), 'null'::json)::text`;

/**
 * The environment of a branch, made with its preview environment when they are new.
 * Errors: null when the person may not change the project. Cost: one round trip.
 */
export const createBranch = async (
  db: Database,
  place: { ref: string; userId: string; branch: string },
  ids: { parent: string; branch: string },
): Promise<string | null> =>
  z
    .string()
    .nullable()
    .parse(await db.call(statement, [place.ref, place.userId, place.branch, ids.parent, ids.branch]));
