import { z } from "zod";
import type { Database } from "../database.ts";

/*
 * A session has a pool of its own: no agent but its own takes its runs, and its agent takes no others. It counts as made
 * when it was opened last, so that no sweep puts one away that is just being opened.
 */
const statement = `
with place as (
  select p.id as project_id, p.organization_id, e.id as parent_id, s.running_max, s.concurrency_limit
  from projects p
  join members m on m.organization_id = p.organization_id and m.user_id = $2 and m.role <> 'viewer'
  join environments e on e.project_id = p.id and e.type = 'development' and e.parent_environment_id is null
  join environment_slots s on s.environment_id = e.id
  where p.ref = $1
),
known as (
  select e.pool_id from environments e join place on place.parent_id = e.parent_environment_id where e.branch_name = $3
),
pool as (
  insert into pools (id, organization_id, name)
  select $5, organization_id, left('dev ' || $3, 200) from place where not exists (select from known)
  returning id
),
session as (
  insert into environments (id, project_id, pool_id, slug, type, parent_environment_id, branch_name)
  select $4, project_id, coalesce((select id from pool), (select pool_id from known)), 'dev', 'development', parent_id, $3
  from place
  on conflict (project_id, slug, coalesce(branch_name, '')) do update set archived_at = null, created_at = excluded.created_at
  returning id, pool_id
),
slots as (
  insert into environment_slots (environment_id, pool_id, running_max, concurrency_limit)
  select session.id, session.pool_id, place.running_max, place.concurrency_limit from place, session
  on conflict (environment_id) do nothing
)
select coalesce((select to_json(id) from session), 'null'::json)::text`;

/**
 * The environment of a development session, made with its pool when it is new.
 * Errors: null when the person may not change the project. Cost: one round trip.
 */
export const openDevSession = async (
  db: Database,
  place: { ref: string; userId: string; name: string },
  ids: { environment: string; pool: string },
): Promise<string | null> =>
  z
    .string()
    .nullable()
    .parse(await db.call(statement, [place.ref, place.userId, place.name, ids.environment, ids.pool]));
