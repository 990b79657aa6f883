import type { Database } from "../database.ts";
import { QueueRow, queueJson } from "../queries/list-queues.ts";
import { laneMax } from "./lane-limits.ts";

/** What an operator may change. `override`: null resets it to what the code declares. */
export type QueueChange = { paused?: boolean; override?: number | null };

const statement = `
with target as (
  select q.id from queues q
  where q.environment_id = $1
    and case $2 when 'id' then q.id = $3
      when 'task' then q.type = 'task' and q.name in ('task/' || $3, $3)
      else q.type = 'custom' and q.name = $3 end
  order by q.name = 'task/' || $3 desc
  limit 1
),
changed as (
  update queues q
  set paused = coalesce($4::boolean, q.paused),
      concurrency_override = case when $5::boolean then $6::int else q.concurrency_override end,
      overridden_at = case when not $5::boolean then q.overridden_at when $6::int is not null then (select app_now()) end,
      changed_at = (select app_now())
  from target t
  where q.id = t.id
  returning q.*
),
lanes_locked as (
  select l.id from lanes l where l.queue_id in (select id from changed) order by l.id for update
),
lanes_changed as (
  update lanes l set paused = q.paused, running_max = ${laneMax("q", "s")}, blocked_by = null
  from changed q join environment_slots s on s.environment_id = q.environment_id
  where l.id in (select id from lanes_locked) and l.queue_id = q.id
),
lanes_unblocked as (
  update lanes l set blocked_by = null
  where l.blocked_by in (select id from lanes_locked) and l.id not in (select id from lanes_locked)
)
select coalesce((
  select ${queueJson("q", "s")} from changed q join environment_slots s on s.environment_id = q.environment_id
), 'null'::json)::text`;

/**
 * Pauses, resumes, overrides or resets a queue, and all of its lanes with it. Its lanes, and those that pass them as a
 * gate, are looked at again: no one called them back while they were paused.
 *
 * A trigger that opens a lane at this very moment does not see the change; `fitLanes` corrects that lane.
 * Errors: null when the environment has no such queue. Cost: one round trip.
 */
export const changeQueue = async (
  db: Database,
  queue: { environmentId: string; by: "id" | "task" | "custom"; value: string },
  change: QueueChange,
): Promise<QueueRow | null> =>
  QueueRow.nullable().parse(
    await db.call(statement, [
      queue.environmentId,
      queue.by,
      queue.value,
      change.paused ?? null,
      change.override !== undefined,
      change.override ?? null,
    ]),
  );
