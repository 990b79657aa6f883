import { z } from "zod";
import type { Database } from "../database.ts";
import { stopSchedulesOf } from "./stop-schedules-fragment.ts";

const Archived = z.object({ id: z.string(), archived: z.boolean() });

/* The agent of the `dev` that ends is one of those heard of: two are a `dev` of the same name elsewhere. */
const endStatement = `
with session as (
  select b.id, b.archived_at, s.running = 0 and 2 > (
      select count(*) from agents a
      where a.pool_id = b.pool_id and a.revoked_at is null and a.beat_at > (select app_now()) - $4 * interval '1 millisecond'
    ) as is_idle
  from projects p
  join members m on m.organization_id = p.organization_id and m.user_id = $2 and m.role <> 'viewer'
  join environments b on b.project_id = p.id and b.slug = 'dev' and b.branch_name = $3 and b.parent_environment_id is not null
  join environment_slots s on s.environment_id = b.id
  where p.ref = $1
),
moved as (
  update environments e set archived_at = (select app_now())
  from session where e.id = session.id and session.is_idle and e.archived_at is null
  returning e.id
),${stopSchedulesOf("moved")}
select coalesce((
  select json_build_object('id', id, 'archived', archived_at is not null or exists (select from moved)) from session
), 'null'::json)::text`;

/**
 * Puts a development session away, unless something of it runs or another agent of its pool was heard in the last
 * `onlineMs`. Opening it again brings it back. Errors: null when the person may change no such session. Cost: one round trip.
 */
export const archiveDevSession = async (
  db: Database,
  place: { ref: string; userId: string; name: string },
  onlineMs: number,
): Promise<z.infer<typeof Archived> | null> =>
  Archived.nullable().parse(await db.call(endStatement, [place.ref, place.userId, place.name, onlineMs]));

/** More wait for the next time. */
const rowsMax = 200;

/* `created_at` of a session is when it was opened last. One that is kept open has an agent that is heard. */
const unusedStatement = `
with moved as (
  update environments e set archived_at = (select app_now())
  from (
    select b.id from environments b join environment_slots s on s.environment_id = b.id
    where b.type = 'development' and b.parent_environment_id is not null and b.archived_at is null and s.running = 0
      and b.created_at < (select app_now()) - $1 * interval '1 millisecond'
      and not exists (
        select from agents a
        where a.pool_id = b.pool_id and a.beat_at > (select app_now()) - $1 * interval '1 millisecond')
    order by b.id limit ${rowsMax}
    for update of b skip locked
  ) x
  where e.id = x.id
  returning e.id
),${stopSchedulesOf("moved")}
select (select count(*) from moved)::text`;

/**
 * Puts away the development sessions that nobody opened, and no agent served, for as long as that.
 * Units: milliseconds. Shape: how many, at most 200. Cost: one round trip.
 */
export const archiveUnusedDevSessions = async (db: Database, unusedMs: number): Promise<number> =>
  z.int().parse(await db.call(unusedStatement, [unusedMs]));
