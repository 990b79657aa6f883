import { canMove, type Move, TRANSITIONS } from "@longshore/edge-api/domain/transitions";
import { RunState } from "@longshore/shared/contract/run-status";
import { z } from "zod";
import type { TestDatabase } from "./fixture.ts";

/** Which rules hold in the environment `$1`. Shape: what `brokenIn` reads. */
export const invariantsStatement = `
with r as (select * from runs where environment_id = $1),
l as (select * from leases where environment_id = $1),
q as (select * from queue_entries where environment_id = $1),
b as (select * from batches where environment_id = $1)
select json_build_object(
  'the environment counts its leases',
    (select running from environment_slots where environment_id = $1) = (select count(*) from l),
  'each lane counts its leases and those that pass it as a gate', not exists (
    select from lanes x where x.environment_id = $1
      and x.running <> (select count(*) from l join lanes o on o.id = l.lane_id
        where o.id = x.id or x.id = any(o.counter_ids))),
  'each counter of a limit counts its leases', not exists (
    select from limit_slots s where s.environment_id = $1
      and s.running <> (select count(*) from l join lanes o on o.id = l.lane_id where s.id = any(o.counter_ids))),
  'a lane stands aside for a counter of its own only', not exists (
    select from lanes x where x.environment_id = $1 and x.blocked_by is not null and x.blocked_by <> all(coalesce(x.counter_ids, '{}'))),
  'no limit is exceeded', not exists (
    select from lanes x where x.environment_id = $1 and x.running > x.running_max)
    and not exists (
      select from limit_slots x where x.environment_id = $1 and x.running > coalesce(x.override_max, x.running_max))
    and (select running <= running_max from environment_slots where environment_id = $1),
  'entries are the queued runs',
    (select coalesce(array_agg(run_id order by run_id), '{}') from q)
    = (select coalesce(array_agg(id order by id), '{}') from r where state = 'queued'),
  'leases are the leased and executing runs, in their phase and epoch',
    (select coalesce(array_agg(run_id || phase || epoch order by run_id), '{}') from l)
    = (select coalesce(array_agg(id || state || lease_epoch order by id), '{}') from r where state in ('leased', 'executing')),
  'open waits are counted', not exists (
    select from r where state = 'waiting' and waits_open <> (
      select count(*) from run_waits w join wait_points p on p.id = w.wait_point_id
      where w.run_id = r.id and w.is_active and w.taken_epoch is null and p.status = 'pending')),
  'a lane with work for anyone is open', not exists (
    select from q join lanes x on x.id = q.lane_id where q.agent_id is null and not x.has_work),
  'an entry for one agent is that of its process', not exists (
    select from q join r on r.id = q.run_id where q.agent_id is distinct from r.waiting_agent_id),
  'points of runs that are over are complete', not exists (
    select from wait_points p join r on r.id = p.child_run_id where p.status = 'pending' and r.finished_at is not null),
  'points of batches that are over are complete, and no others', not exists (
    select from b join wait_points p on p.batch_id = b.id
    where (p.status = 'completed') <> (b.status in ('COMPLETED', 'PARTIAL_FAILED', 'ABORTED'))),
  'batches count the items that are not over', not exists (
    select from b where open_count <> run_count - (select count(*) from batch_items i where i.batch_id = b.id and i.is_over)),
  'items are over with their run', not exists (
    select from b join batch_items i on i.batch_id = b.id join r on r.id = i.run_id
    where i.is_over <> (r.finished_at is not null)),
  'a sealed batch is over when nothing of it is open', not exists (
    select from b where status <> 'ABORTED'
      and (status in ('COMPLETED', 'PARTIAL_FAILED')) <> (item_count = run_count and open_count = 0)),
  'a key is let go when its run did not end as wanted', not exists (
    select from idempotency_keys k join r on r.id = k.run_id
    where k.environment_id = $1 and k.task_slug not like '@%' and k.expires_at > app_now()
      and r.state in ('failed', 'crashed', 'system_failure', 'timed_out', 'expired')),
  'only runs without a version have no lane', not exists (
    select from r where finished_at is null and (lane_id is null) <> (state = 'pending_version')),
  'an attempt is open exactly while its run executes or its process waits', not exists (
    select from r left join attempts a on a.run_id = r.id and a.finished_at is null
    where (a.run_id is not null) <> (state in ('executing', 'waiting') or (state = 'queued' and waiting_agent_id is not null))
      or a.number <> r.attempt),
  'a lease knows that its run should end', not exists (
    select from l join r on r.id = l.run_id where l.cancel_requested <> (r.cancel_requested_at is not null)),
  'a waiting run has its process', not exists (
    select from r where state = 'waiting' and waiting_agent_id is null)
)::text`;

/** Names of the rules that an answer to `invariantsStatement` says do not hold. */
export const brokenIn = (answer: unknown): string[] => {
  const held = z.record(z.string(), z.boolean()).parse(answer);
  return Object.entries(held).flatMap(([name, holds]) => (holds === true ? [] : [name]));
};

/** Names of what does not hold in an environment at rest. */
export const brokenInvariants = async (
  t: Pick<TestDatabase, "db">,
  environmentId: string,
): Promise<string[]> => brokenIn(await t.db.call(invariantsStatement, [environmentId]));

const EventRow = z.object({
  run_id: z.string(),
  kind: z.string(),
  from_state: RunState.nullable(),
  to_state: RunState,
});

/** The events of all runs in the environment `$1`. Shape: what `strayIn` reads. */
export const eventsStatement = `
select coalesce(json_agg(json_build_object(
  'run_id', e.run_id, 'kind', e.kind, 'from_state', e.from_state, 'to_state', e.to_state) order by e.run_id, e.id), '[]')::text
from run_events e join runs r on r.id = e.run_id where r.environment_id = $1`;

/** Events that the table of moves does not allow, or that do not begin where the one before ended. */
export const strayEvents = async (t: TestDatabase, environmentId: string): Promise<string[]> =>
  strayIn(await t.db.call(eventsStatement, [environmentId]));

/** Those of an answer to `eventsStatement`. */
export const strayIn = (rows: unknown): string[] => {
  const stray: string[] = [];
  let before: z.infer<typeof EventRow> | undefined;
  for (const event of z.array(EventRow).parse(rows)) {
    const previous = before?.run_id === event.run_id ? before.to_state : null;
    const isAsked = event.kind === "cancel" && event.from_state === event.to_state;
    const move = TRANSITIONS[event.kind as Move] as { to: readonly RunState[] } | undefined;
    const isAllowed =
      isAsked ||
      (move?.to.includes(event.to_state) === true &&
        (event.from_state === null || canMove(event.from_state, event.to_state)));
    if (!isAllowed || event.from_state !== previous)
      stray.push(`${event.kind}: ${previous} / ${event.from_state} -> ${event.to_state}`);
    before = event;
  }
  return stray;
};
