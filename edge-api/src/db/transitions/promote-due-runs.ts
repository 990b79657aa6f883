import { z } from "zod";
import type { Database } from "../database.ts";

const Answer = z.object({ environmentIds: z.array(z.string()), count: z.int() });

const statement = `
with due as (
  select id from runs
  where due_at <= (select app_now())
  order by due_at
  limit 500
  for update skip locked
),
moved as (
  update runs r
  set state = 'queued', due_at = null, queued_at = (select app_now()), updated_at = (select app_now()),
      expires_at = case when r.lease_epoch = 0 and r.ttl_ms is not null then r.due_at + r.ttl_ms * interval '1 millisecond' end
  from due d
  where r.id = d.id and r.state = 'delayed'
  returning r.id, r.environment_id, r.lane_id, r.priority, r.attempt, r.machine, r.expires_at
),
queued as (
  insert into queue_entries (run_id, lane_id, environment_id, position_at, machine, expires_at)
  select id, lane_id, environment_id, (select app_now()) - priority * interval '1 second', machine, expires_at from moved
),
lanes_locked as (
  select id from lanes
  where id in (select lane_id from moved) and not has_work
  order by id
  for update
),
lanes_opened as (
  update lanes set has_work = true where id in (select id from lanes_locked)
),
logged as (
  insert into run_events (run_id, at, kind, from_state, to_state, attempt)
  select id, (select app_now()), 'promote', 'delayed', 'queued', attempt from moved
)
select json_build_object(
  'environmentIds', (select coalesce(json_agg(distinct environment_id), '[]') from moved),
  'count', (select count(*) from moved))::text`;

/** Queues delayed and retried runs that have come due, up to 500: the move `promote`. Cost: one round trip. */
export const promoteDueRuns = async (db: Database): Promise<z.infer<typeof Answer>> =>
  Answer.parse(await db.call(statement, []));
