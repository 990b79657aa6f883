import { toldCodes } from "../../domain/final-state.ts";
import { isRoomy, lanesToCall } from "./lane-fragments.ts";

/*
 * Pieces of SQL that several moves share. Each is a list of common table expressions with fixed names; a statement puts
 * them together when its module loads, never at run time. They rely on this order of locks, which every statement
 * keeps: wait points, leases, queue entries, runs, run waits, environment slots, lanes, limit slots. The claim alone takes slots and
 * lanes first: nobody who holds one of those wants an entry or a queued run. What is locked is found by `= any(array(…))`: see
 * claim-runs.
 *
 * Batches stand between the runs that end and the points that this completes: batch items, then batches in order of
 * id, then wait points, then the runs that waited. Nobody who holds a wait point or a waiting run wants a batch.
 */

/**
 * Wakes the runs whose last open wait point was completed.
 * Needs `done_points(id)`: points that this statement has just completed.
 * Gives `woken(id, environment_id, home_agent_id)`.
 *
 * The parents' rows are locked first and their `waits_open` is read from the locked version: two points of one run that
 * complete at the same moment each see the other's count, which a snapshot would hide. Then their links are locked, for
 * the same reason: only a link that the parent waits for counts, and a wait that began a moment ago is not in the
 * snapshot.
 */
const wake = (except: string): string => `
  waiters_locked as (
    select r.id, r.state, r.waits_open
    from runs r
    where r.id = any(array(
      select rw.run_id from run_waits rw where rw.wait_point_id = any(array(select id from done_points))))${except}
    order by r.id
    for update
  ),
  links_locked as (
    select rw.run_id, rw.is_active, rw.taken_epoch
    from run_waits rw
    where rw.wait_point_id = any(array(select id from done_points))
      and rw.run_id = any(array(select id from waiters_locked where state = 'waiting'))
    for update
  ),
  waiters as (
    select run_id, count(*)::int as done from links_locked
    where is_active and taken_epoch is null
    group by run_id
  ),
  woken as (
    update runs r
    set waits_open = greatest(0, l.waits_open - w.done),
        state = case when l.waits_open - w.done <= 0 then 'queued' else r.state end,
        queued_at = case when l.waits_open - w.done <= 0 then (select app_now()) else r.queued_at end,
        updated_at = (select app_now())
    from waiters_locked l join waiters w on w.run_id = l.id
    where r.id = l.id and l.state = 'waiting'
    returning r.id, r.environment_id, r.lane_id, r.home_agent_id, r.attempt, r.state, r.machine
  ),
  woken_entries as (
    insert into queue_entries (run_id, lane_id, environment_id, position_at, agent_id, machine)
    select id, lane_id, environment_id, (select app_now()), home_agent_id, machine from woken where state = 'queued'
  ),
  woken_events as (
    insert into run_events (run_id, at, kind, from_state, to_state, attempt, agent_id)
    select id, (select app_now()), 'wake', 'waiting', 'queued', attempt, home_agent_id from woken where state = 'queued'
  )`;

export const wakeParents = wake("");

/** The same, but for runs that the statement ends itself: the name of a list with `id`. */
export const wakeParentsBut = (list: string): string => wake(` and r.id not in (select id from ${list})`);

/**
 * Lets go of the waits of attempts that have just ended. A run that is over keeps those that were completed, as its
 * history; one that tries again must not meet the answers of its last attempt.
 * Needs `from`: a name of runs with `id` and `state`.
 */
export const dropWaits = (from: "moved" | "finals"): string => `
  waits_dropped as (
    delete from run_waits w using ${from} m
    where w.run_id = m.id
      and (m.state = 'delayed' or exists (select from wait_points p where p.id = w.wait_point_id and p.status = 'pending'))
  )`;

/**
 * Completes the wait points of batches that have just come to their end.
 * Needs `batches_done(id, status)`: batches that this statement has just written. Gives `batch_points(id)`.
 */
export const completeBatchPoints = `
  batch_points as (
    update wait_points p
    set status = 'completed', due_at = null, completed_at = (select app_now())
    from batches_done b
    where p.batch_id = b.id and p.status = 'pending' and b.status in ('COMPLETED', 'PARTIAL_FAILED')
    returning p.id
  )`;

/**
 * Counts items that have just come to their end in their batches, and ends the batches that were sealed and have none
 * left. The counts are read from the locked row: two runs of one batch that end together see each other.
 * Needs `items_over(batch_id)`: one row for each item. Gives `batches_done` and `batch_points(id)`.
 */
export const countItems = `
  batches_locked as (
    select b.id from batches b where b.id = any(array(select batch_id from items_over)) order by b.id for update
  ),
  batches_done as (
    update batches b
    set open_count = b.open_count - g.count, updated_at = (select app_now()),
        status = case when b.status = 'PROCESSING' and b.open_count = g.count
          then case when b.failed_count > 0 then 'PARTIAL_FAILED' else 'COMPLETED' end else b.status end,
        completed_at = case when b.status = 'PROCESSING' and b.open_count = g.count then (select app_now()) else b.completed_at end
    from (select batch_id, count(*)::int as count from items_over group by batch_id) g
    where b.id = g.batch_id and b.id in (select id from batches_locked)
    returning b.id, b.status
  ),
  ${completeBatchPoints}`;

/**
 * Completes the wait points of runs that have just become final, and of the batches that end with them; lets go of
 * their idempotency keys where the end was not the wanted one; notes the ends that a finaliser is to be told of, which
 * are those that the task asks for and that its own process could not tell it of.
 * Needs `finals(id, environment_id, task_slug, idempotency_key, state, output, output_type, error)`.
 * Gives `done_points(id)` and `finalisers_noted(environment_id)`.
 */
export const settleFinals = `
  child_points as (
    update wait_points p
    set status = 'completed', due_at = null, completed_at = (select app_now()),
        output = f.output, output_type = f.output_type, error = f.error
    from finals f
    where p.child_run_id = f.id and p.status = 'pending'
    returning p.id
  ),
  items_over as (
    update batch_items i set is_over = true
    from finals f
    where i.run_id = f.id and not i.is_over
    returning i.batch_id
  ),
  ${countItems},
  done_points as (select id from child_points union all select id from batch_points),
  released_keys as (
    delete from idempotency_keys k
    using finals f
    where f.idempotency_key is not null
      and f.state in ('failed', 'crashed', 'system_failure', 'timed_out', 'expired')
      and k.environment_id = f.environment_id and k.task_slug = f.task_slug and k.key = f.idempotency_key
      and k.run_id = f.id
  ),
  finalisers_noted as (
    insert into due_finalisers (run_id, environment_id, task_slug, due_at, created_at)
    select f.id, f.environment_id, t.finaliser, (select app_now()), (select app_now())
    from finals f
    cross join lateral (select deployment_id from runs where id = f.id limit 1) r
    cross join lateral (select current_deployment_id from environments where id = f.environment_id limit 1) e
    cross join lateral (
      select finaliser from tasks
      where deployment_id = coalesce(r.deployment_id, e.current_deployment_id) and slug = f.task_slug limit 1
    ) t
    where t.finaliser is not null
      and (f.state in ('canceled', 'expired', 'timed_out')
        or (f.state in ('failed', 'crashed', 'system_failure') and f.error->>'type' = 'INTERNAL_ERROR'
          and f.error->>'code' not in (${toldCodes.map((code) => `'${code}'`).join(", ")})))
    returning environment_id
  )`;

/**
 * Gives back the slots of ended leases, and those of their lanes' limits and gates; of the lanes that stood aside for
 * want of those, as many are called back (a lane may itself be the gate of others, which costs one look at an index for
 * each). Needs `gone(environment_id, lane_id)`: one row for each deleted lease.
 * Locks slots before lanes, each in order of id, as the claim does.
 */
export const freeSlots = `
  counters_gone as (
    select c.id, count(*)::int as count
    from gone g join lanes l on l.id = g.lane_id cross join lateral unnest(l.counter_ids) as c(id)
    where l.counter_ids is not null
    group by c.id
  ),
  lanes_gone as (
    select id, sum(count)::int as count
    from (
      select lane_id as id, count(*)::int as count from gone group by lane_id
      union all
      select id, count from counters_gone where id like 'lane%'
    ) each_of group by id
  ),
  rooms_gone as (
    select id, count from lanes_gone
    union all
    select id, count from counters_gone where id not like 'lane%'
  ),
  env_locked as (
    select environment_id from environment_slots
    where environment_id = any(array(select environment_id from gone))
    order by environment_id
    for update
  ),
  env_freed as (
    update environment_slots s
    set running = s.running - g.count
    from (select environment_id, count(*)::int as count from gone group by environment_id) g
    where s.environment_id = g.environment_id and s.environment_id in (select environment_id from env_locked)
  ),
  lanes_locked as (
    select id from lanes
    where id = any(array(select id from lanes_gone)) and (select count(*) from env_locked) >= 0
    order by id
    for update
  ),
  lanes_freed as (
    update lanes l
    set running = l.running - g.count,
        blocked_by = case when l.blocked_by in (select id from rooms_gone) then null else l.blocked_by end
    from lanes_gone g
    where l.id = g.id and l.id in (select id from lanes_locked)
  ),
  slots_locked as (
    select id from limit_slots
    where id = any(array(select id from counters_gone)) and (select count(*) from lanes_locked) >= 0
    order by id
    for update
  ),
  slots_freed as (
    update limit_slots s set running = s.running - c.count
    from counters_gone c where s.id = c.id and s.id in (select id from slots_locked)
  ),
  lanes_called as (
    update lanes l set blocked_by = null
    where l.id not in (select id from lanes_locked)
      and l.id in (${lanesToCall("rooms_gone", "c.count", isRoomy)})
  )`;

/**
 * What hints are due after a statement that freed slots, ended runs or woke some. Needs `gone`, `woken` and `finalisers_noted`.
 * Shape: `{environmentIds, agentIds}`: environments where a slot came free or a finaliser is due, agents with something to
 * continue there: the slot may be one that several lanes share.
 */
export const hintsDue = `json_build_object(
  'environmentIds', (
    select coalesce(json_agg(distinct environment_id), '[]') from (
      select environment_id from gone union all select environment_id from finalisers_noted) e),
  'agentIds', (
    select coalesce(json_agg(distinct agent_id), '[]') from (
      select home_agent_id as agent_id from woken where state = 'queued' and home_agent_id is not null
      union
      select agent_id from queue_entries
      where agent_id is not null and environment_id = any(array(select environment_id from gone))) a))`;

/** The same for a statement that ends runs which hold no slot. Needs `woken` and `finalisers_noted`. */
export const endsDue = `json_build_object(
  'environmentIds', (select coalesce(json_agg(distinct environment_id), '[]') from finalisers_noted),
  'agentIds', (
    select coalesce(json_agg(distinct home_agent_id), '[]') from woken
    where state = 'queued' and home_agent_id is not null))`;

/** The same for a statement that neither frees a slot nor ends a run. Needs `woken`. */
export const wakesDue = `json_build_object(
  'environmentIds', '[]'::json,
  'agentIds', (
    select coalesce(json_agg(distinct home_agent_id), '[]') from woken
    where state = 'queued' and home_agent_id is not null))`;
