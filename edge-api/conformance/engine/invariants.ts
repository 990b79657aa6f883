import { canMove, type Move, TRANSITIONS } from "@longshore/edge-api/domain/transitions";
import { RunState } from "@longshore/shared/contract/run-status";
import { z } from "zod";
import type { TestDatabase } from "./fixture.ts";

const statement = `
with r as (select * from runs where environment_id = $1),
l as (select * from leases where environment_id = $1),
q as (select * from queue_entries where environment_id = $1)
select json_build_object(
  'the environment counts its leases',
    (select running from environment_slots where environment_id = $1) = (select count(*) from l),
  'each lane counts its leases', not exists (
    select from lanes x where x.environment_id = $1
      and x.running <> (select count(*) from l where l.lane_id = x.id)),
  'no limit is exceeded', not exists (
    select from lanes x where x.environment_id = $1 and x.running > x.running_max)
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
    select from wait_points p join r on r.id = p.child_run_id where p.status = 'pending' and r.finished_at is not null)
) as held`;

/** Names of what does not hold in an environment at rest. */
export const brokenInvariants = async (t: TestDatabase, environmentId: string): Promise<string[]> => {
  const [row] = await t.query(statement, [environmentId]);
  return Object.entries(row?.held ?? {}).flatMap(([name, holds]) => (holds === true ? [] : [name]));
};

const EventRow = z.object({
  run_id: z.string(),
  kind: z.string(),
  from_state: RunState.nullable(),
  to_state: RunState,
});

/** Events that the table of moves does not allow, or that do not begin where the one before ended. */
export const strayEvents = async (t: TestDatabase, environmentId: string): Promise<string[]> => {
  const rows = await t.query(
    `select e.run_id, e.kind, e.from_state, e.to_state
     from run_events e join runs r on r.id = e.run_id where r.environment_id = $1 order by e.run_id, e.id`,
    [environmentId],
  );
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
