import { z } from "zod";
import type { Database } from "../database.ts";
import { jsonbText } from "../jsonb-text.ts";
import { type Claim, ClaimAnswer, leasesTold, wholeLeases } from "./claim-answer.ts";
import type { ClaimRequest } from "./claim-request.ts";
import { hasWorkElsewhere, isRoomy, keptSlots, lanesToCall, placesOf } from "./lane-fragments.ts";
import { cpuOf, memoryMbOf } from "./machine-fragments.ts";

const Answer = z.union([ClaimAnswer, z.object({ kind: z.literal("crossed") })]);

/** How often a claim that crossed a change of its agent asks again. */
const crossedMax = 5;

/*
 * How it chooses: environments of the pool with room, locked in order of id; in each, its open lanes by turn; in each
 * lane, its oldest entries (priority is part of the position), up to the lane's room. Entries are then dealt round the
 * lanes of an environment and round the environments, continuations first. What blocked runs there are behind a full
 * lane is never looked at, nor what is in a lane of a region or of labels that the agent does not have. The environment's
 * lock makes counts exact: whoever waited for it reads the fresh row.
 * What runs ask for together never exceeds the agent's room, where it tells one. In a lane nobody overtakes a run that is
 * too large for it; other lanes go on. Of the lanes looked at those that were passed over give up their turn, when there
 * may be more of them than are looked at. A continuation comes before all new work, and alone if nothing else is there.
 * A lane that was emptied of several runs is left open, and closed by the claim that finds it empty: more are likely to come,
 * and would each have to open it again. Not where runs ask for a place: nobody may come who serves it.
 * An entry is taken by deleting it; what a concurrent cancel has deleted is simply not taken. What has outlived its time to
 * live is passed over: it is due to expire, and may be so late when no API was there. A lane of nothing else gives up its
 * turn. Leases that a report is
 * ending meanwhile are not waited for: that report waits for the slots this statement holds. A pause of a queue or a limit
 * holds back what has not begun; a continuation takes its slots all the same. What would go on at other agents that are
 * heard has its slots kept: new work never takes the last of a lane, a counter or an environment before it.
 *
 * What is locked is found by `= any(array(…))`: a row that changed after the snapshot is judged again by its locked version,
 * and a join with a list that was made of several would then lose it, a gate's lane and with it its count.
 *
 * Named limits and gates are counters that several lanes share (`counter_ids`): they are locked after the lanes. A lane
 * under a counter without room stands aside (`blocked_by`), so that it does not take the turn of others; whoever leaves
 * room in a counter calls some of those lanes back. A candidate takes a rank in each of its counters, in the order in
 * which all are dealt: the sum can never pass a counter's room.
 */
const now = "(select at from clock)";

const statement = `
with clock as materialized (select app_now() as at),
request as (
  select * from jsonb_to_record($1::jsonb) as r(
    "agentId" text, "bootId" text, "free" int, "slots" int, "room" jsonb, "capacity" jsonb, "lease" jsonb, "held" jsonb, "version" text, "runtime" text,
    "labels" jsonb, "draining" boolean, "view" jsonb)
),
known as (select a.* from agents a, request r where a.id = r."agentId"),
agent as (
  update agents a
  set beat_at = ${now}, lease_ms = (r."lease"->>'ms')::int,
      leases_until = greatest(a.leases_until, ${now} + (r."lease"->>'silentMs')::float8 * interval '1 millisecond'),
      boot_id = r."bootId", slots = r."slots", version = coalesce(r."version", a.version), runtime = coalesce(r."runtime", a.runtime), labels = coalesce(r."labels", a.labels),
      drains_itself = coalesce((r."view"->>'drainsItself')::boolean, a.drains_itself),
      cpus = case when r."view" is null then a.cpus else (r."capacity"->>'cpu')::float8 end,
      memory_mb = case when r."view" is null then a.memory_mb else (r."capacity"->>'memoryMb')::int end,
      warm = coalesce((r."view"->>'warm')::int, a.warm),
      held_back = case when r."view" is null then a.held_back else r."view"->>'heldBack' end,
      last_error = case when r."view" is null then a.last_error else r."view"->'lastError'->>'message' end,
      last_error_at = case when r."view" is null then a.last_error_at
        else (r."view"->'lastError'->>'at')::timestamptz end
  from request r
  where a.id = r."agentId" and a.revoked_at is null and a.boot_id <= r."bootId"
  returning a.id, a.pool_id, a.draining, case when r."draining" then 0 else r."free" end as free,
    a.labels, a.labels->>'region' as region
),
places as (${placesOf("agent")}),
held as (
  select h."runId" as run_id, h.epoch, coalesce(h."isEnding", false) as is_ending
  from request r, jsonb_to_recordset(r."held") as h("runId" text, epoch int, "isEnding" boolean)
),
repeated as (
  select r.*, l.is_continuation
  from leases l join agent a on a.id = l.agent_id cross join lateral (select * from runs where id = l.run_id limit 1) r
  where not l.acked and not exists (select from held h where h.run_id = l.run_id and h.epoch = l.epoch)
),
room as (
  select (r."room"->>'cpu')::float8 - (select coalesce(sum(${cpuOf("u.machine")}), 0) from repeated u) as cpu,
    (r."room"->>'memoryMb')::float8 - (select coalesce(sum(${memoryMbOf("u.machine")}), 0) from repeated u) as memory_mb
  from request r where jsonb_typeof(r."room") = 'object'
),
envs as (
  select s.environment_id, s.running, s.running_max, s.turn_at
  from environment_slots s
  where s.pool_id = (select pool_id from agent where free > 0 and not draining)
    and not s.paused and s.running < s.running_max
    and (exists (
        select from lanes l where l.environment_id = s.environment_id and l.region = any(array(select region from places))
          and l.has_work and not l.paused and l.blocked_by is null and (l.running_max is null or l.running < l.running_max))
      or exists (
        select from queue_entries q
        where q.agent_id = (select id from agent) and q.environment_id = s.environment_id))
  order by s.environment_id
  for update of s
),
continuing as (
  select q.run_id, q.lane_id, q.environment_id, q.position_at, q.machine
  from queue_entries q
  where q.agent_id = (select id from agent) and q.environment_id in (select environment_id from envs)
  order by q.position_at
  limit (select free from agent)
),
${keptSlots(now)},
lanes_wanted as (
  select l.id, l.counter_ids from envs e cross join lateral (
    select o.id, o.counter_ids from places g cross join lateral (
      select id, counter_ids, turn_at from lanes
      where environment_id = e.environment_id and region = g.region and blocked_by is null and ${isRoomy}
      order by turn_at
      limit greatest((select free from agent), 16)
    ) o
    order by o.turn_at
    limit greatest((select free from agent), 16)
  ) l
  union
  select l.id, l.counter_ids from continuing c join lanes l on l.id = c.lane_id
),
counters_wanted as (
  select distinct c.id from lanes_wanted w cross join lateral unnest(w.counter_ids) as c(id)
  where w.counter_ids is not null
),
lanes_locked as (
  select l.id, l.environment_id, l.running, l.running_max, l.has_work, l.paused, l.turn_at, l.counter_ids
  from lanes l
  where l.id = any(array(select id from lanes_wanted union all select id from counters_wanted where id like 'lane%'))
  order by l.id
  for update
),
slots_locked as (
  select s.id, s.running, s.paused,
    case when s.override_max is not null and (s.override_expires_at is null or s.override_expires_at > ${now})
      then s.override_max else s.running_max end as running_max
  from limit_slots s
  where s.id = any(array(select id from counters_wanted)) and (select count(*) from lanes_locked) >= 0
  order by s.id
  for update
),
rooms as (
  select c.id, c.room as room_to_go_on,
    case when c.paused then 0 else c.room - coalesce((select k.count from kept k where k.id = c.id), 0) end as room
  from (
    select id, paused, running_max - running as room from slots_locked
    union all
    select id, paused, running_max - running from lanes_locked where id in (select id from counters_wanted)
  ) c
),
lanes_open as (
  select l.*, l.running_max - l.running as lane_room,
    l.running_max - l.running - coalesce((select k.count from kept k where k.id = l.id), 0) as room_for_new,
    l.has_work and not l.paused and coalesce(
      (select min(r.room) > 0 from rooms r where r.id = any(l.counter_ids)), true) as takes_new
  from lanes_locked l
  where l.id in (select id from lanes_wanted)
),
candidates as (
  select c.run_id, c.lane_id, c.environment_id, c.position_at, c.machine, true as is_continuation, true as fits
  from continuing c
  union all
  select q.run_id, l.id, l.environment_id, q.position_at, q.machine, false, coalesce(
    ${cpuOf("q.machine")} <= (select cpu from room) and ${memoryMbOf("q.machine")} <= (select memory_mb from room), true)
  from lanes_open l cross join lateral (
    select run_id, position_at, machine from queue_entries
    where lane_id = l.id and agent_id is null and (expires_at is null or expires_at > ${now})
    order by position_at, run_id
    limit greatest(0, least((select free from agent), coalesce(l.room_for_new, 2147483647)))
  ) q
  where l.takes_new
),
ranked_in_lane as (
  select c.*, l.turn_at, case when c.is_continuation then l.lane_room else l.room_for_new end as lane_room,
    row_number() over in_lane as lane_nth, bool_and(c.fits) over in_lane as all_fit
  from candidates c join lanes_open l on l.id = c.lane_id
  window in_lane as (partition by c.lane_id order by c.is_continuation desc, c.position_at, c.run_id rows unbounded preceding)
),
misfits as (select distinct lane_id from ranked_in_lane where not all_fit),
counted as (
  select r.*, c.counter_id
  from ranked_in_lane r join lanes_open l on l.id = r.lane_id
  cross join lateral (
    select unnest(l.counter_ids) as counter_id
    union all
    select l.id where l.id in (select id from counters_wanted)
  ) c
  where r.all_fit and (r.lane_room is null or r.lane_nth <= r.lane_room) and exists (select from counters_wanted)
),
refused as (
  select distinct n.run_id
  from (
    select run_id, counter_id, is_continuation, row_number() over (
      partition by counter_id order by is_continuation desc, lane_nth, turn_at, position_at, run_id) as nth
    from counted
  ) n
  join rooms m on m.id = n.counter_id
  where n.nth > case when n.is_continuation then m.room_to_go_on else m.room end
),
ranked_in_env as (
  select r.*, e.turn_at as env_turn_at,
    e.running_max - e.running - case when r.is_continuation then 0
      else coalesce((select k.count from kept k where k.id = r.environment_id), 0) end as env_room,
    row_number() over (
      partition by r.environment_id
      order by r.is_continuation desc, r.lane_nth, r.turn_at, r.position_at, r.run_id) as env_nth
  from ranked_in_lane r join envs e on e.environment_id = r.environment_id
  where r.all_fit and (r.lane_room is null or r.lane_nth <= r.lane_room) and r.run_id not in (select run_id from refused)
),
dealt as (
  select * from ranked_in_env
  where env_nth <= env_room
  order by is_continuation desc, env_nth, env_turn_at, position_at, run_id
  limit (select free from agent)
),
added_up as (
  select d.*, row_number() over in_turn as nth, sum(${cpuOf("d.machine")}) over in_turn as cpu,
    sum(${memoryMbOf("d.machine")}) over in_turn as memory_mb
  from dealt d
  window in_turn as (
    order by d.is_continuation desc, d.env_nth, d.env_turn_at, d.position_at, d.run_id rows unbounded preceding)
),
chosen as (
  select * from added_up
  where coalesce(cpu <= (select cpu from room) and memory_mb <= (select memory_mb from room), true)
    or (is_continuation and nth = 1 and not exists (select from leases where agent_id = (select id from agent)))
),
taken as (
  delete from queue_entries q using chosen c
  where q.run_id = c.run_id
  returning q.run_id, q.lane_id, q.environment_id, c.is_continuation
),
moved as (
  update runs r
  set state = case when t.is_continuation then 'executing' else 'leased' end,
      lease_epoch = r.lease_epoch + 1,
      deployment_id = coalesce(r.deployment_id, e.current_deployment_id),
      home_agent_id = (select id from agent), waiting_agent_id = null, expires_at = null, updated_at = ${now}
  from taken t join environments e on e.id = t.environment_id
  where r.id = t.run_id and r.state = 'queued'
  returning r.*, t.is_continuation, t.lane_id as from_lane_id
),
leased as (
  insert into leases (run_id, agent_id, epoch, environment_id, lane_id, phase, is_continuation, leased_at)
  select id, home_agent_id, lease_epoch, environment_id, from_lane_id, state, is_continuation, ${now} from moved
),
logged as (
  insert into run_events (run_id, at, kind, from_state, to_state, attempt, agent_id)
  select id, ${now}, case when is_continuation then 'continue' else 'claim' end, 'queued', state,
    case when is_continuation then attempt else attempt + 1 end, home_agent_id
  from moved
),
waits_taken as (
  update run_waits w set taken_epoch = m.lease_epoch
  from moved m
  where m.is_continuation and w.run_id = m.id and w.is_active and w.taken_epoch is null
),
env_counted as (
  update environment_slots s set running = s.running + g.count, turn_at = ${now}
  from (select environment_id, count(*)::int as count from moved group by environment_id) g
  where s.environment_id = g.environment_id
),
counter_counts as (
  select c.id, count(*)::int as count
  from moved m join lanes_locked l on l.id = m.from_lane_id cross join lateral unnest(l.counter_ids) as c(id)
  where l.counter_ids is not null
  group by c.id
),
slots_counted as (
  update limit_slots s set running = s.running + c.count
  from counter_counts c where s.id = c.id and s.id in (select id from slots_locked)
),
rooms_left as (
  select r.id, r.room - coalesce(c.count, 0)
    - case when r.id like 'lane%' then (select count(*) from moved m where m.from_lane_id = r.id) else 0 end as room
  from rooms r left join counter_counts c on c.id = r.id
),
lane_counts as materialized (
  select l.id, (select count(*) from moved m where m.from_lane_id = l.id)::int as count,
    coalesce((select c.count from counter_counts c where c.id = l.id), 0) as gate_count,
    case when l.counter_ids is not null
      then (select min(r.id) from rooms_left r where r.id = any(l.counter_ids) and r.room <= 0) end as blocked_by,
    (select true from queue_entries q
      where q.lane_id = l.id and q.agent_id is null and q.run_id not in (select run_id from taken)
      limit 1) is not null as has_more,
    l.id in (select lane_id from misfits)
      and (select count(*) from lanes_locked o
        where o.environment_id = l.environment_id and o.id in (select id from lanes_wanted)
      ) >= greatest((select free from agent), 16) as is_passed_over,
    l.id in (select id from lanes_open where takes_new and coalesce(room_for_new, 1) > 0)
      and l.id not in (select lane_id from candidates) as is_barren
  from lanes_locked l
),
lanes_counted as (
  update lanes l
  set running = l.running + c.count + c.gate_count, has_work = c.has_more or (c.count > 1 and l.region = ''), blocked_by = c.blocked_by,
      turn_at = case when c.count > 0 or not c.has_more or c.is_passed_over or c.is_barren then ${now} else l.turn_at end
  from lane_counts c
  where l.id = c.id and l.id = any(array(select id from lane_counts))
    and (c.count > 0 or c.gate_count > 0 or c.is_passed_over or c.is_barren and c.has_more or l.has_work <> c.has_more or l.blocked_by is distinct from c.blocked_by)
  returning l.id, l.has_work, c.has_more, l.running, l.running_max, l.blocked_by
),
unblocked as (
  update lanes l set blocked_by = null
  where l.id not in (select id from lanes_locked)
    and l.id = any(array(${lanesToCall("rooms_left", "greatest(0, least(coalesce(c.room, 16), 16))", isRoomy)}))
  returning l.id
),
ackable as (
  select l.run_id from leases l
  where l.run_id = any(array(select run_id from held)) and l.agent_id = (select id from agent) and not l.acked
  for update skip locked
),
acked as (
  update leases l set acked = true
  from held h
  where l.run_id = h.run_id and l.epoch = h.epoch and l.run_id in (select run_id from ackable)
),
delivered as (
  select id, environment_id, task_slug, lease_epoch, attempt, deployment_id, queue_id, payload, payload_type, retry,
    machine, max_duration_s, executed_ms, tags, is_test, idempotency_key, priority, parent_run_id, root_run_id,
    created_at, is_continuation, batch_id, region, labels, replayed_from_id, idempotency_options, metadata
  from moved
  union all
  select id, environment_id, task_slug, lease_epoch, attempt, deployment_id, queue_id, payload, payload_type, retry,
    machine, max_duration_s, executed_ms, tags, is_test, idempotency_key, priority, parent_run_id, root_run_id,
    created_at, is_continuation, batch_id, region, labels, replayed_from_id, idempotency_options, metadata
  from repeated
),
orders as (
  select case when l.cancel_requested then 'cancel' else 'stop' end as kind, h.run_id, h.epoch,
    case when l.cancel_requested then 'cancelled'
         when r.id is null then 'unknown run'
         when r.finished_at is not null then 'the run is ' || r.state
         else 'the lease was lost' end as reason
  from held h
  cross join agent a
  left join lateral (select * from runs where id = h.run_id limit 1) r on true
  left join lateral (select * from leases where run_id = h.run_id limit 1) l on l.agent_id = a.id and l.epoch >= h.epoch
  where not h.is_ending and (l.cancel_requested
    or (l.run_id is null
      and h.run_id not in (select id from moved)
      and not coalesce(r.lease_epoch = h.epoch and r.home_agent_id = a.id and r.state in ('waiting', 'queued'), false)))
)
select (case
  when not exists (select from known) then json_build_object('kind', 'missing')
  when exists (select from known where revoked_at is not null) then json_build_object('kind', 'revoked')
  when not exists (select from agent) and exists (select from known k, request r where k.boot_id <= r."bootId")
    then json_build_object('kind', 'crossed')
  when not exists (select from agent) then json_build_object('kind', 'superseded')
  else json_build_object(
    'kind', 'claimed',
    'poolId', (select pool_id from agent),
    'draining', (select draining from agent),
    ${leasesTold},
    'orders', (select coalesce(json_agg(json_build_object(
      'kind', kind, 'runId', run_id, 'epoch', epoch, 'reason', reason)), '[]') from orders),
    'emptied', (select coalesce(json_agg(id), '[]') from lanes_counted where not has_work or blocked_by is not null),
    'passedOver', exists (select from lane_counts where is_passed_over and count = 0 or is_barren and has_more),
    'forOthers', case when exists (select from moved) then false else exists (select from misfits) or ${hasWorkElsewhere("agent", "places")} end,
    'keptForOthers', exists (select from kept),
    'asideChanged', exists (select from lanes_counted where blocked_by is not null) or exists (select from unblocked),
    'more', exists (
      select from lanes_counted where has_more and blocked_by is null and (running_max is null or running < running_max)
    ) or exists (select from unblocked) or (select count(*) from lanes_wanted) >= greatest((select free from agent), 16),
    'nextDueInMs', 1000 * extract(epoch from least(
      (select min(due_at) from runs where due_at is not null),
      (select min(expires_at) from runs where expires_at is not null),
      (select min(due_at) from wait_points where due_at is not null),
      (select min(fire_at) from schedules where fire_at is not null),
      (select min(due_at) from due_finalisers)) - ${now}))
end)::text`;

/**
 * Takes work for an agent, up to its free capacity: the moves `claim` and `continue` for many runs at once. The same
 * statement is the agent's heartbeat, repeats leases that it has not acknowledged, and tells it what to let go of.
 *
 * Cost: one round trip (another when the agent was revoked or superseded at that moment).
 */
export const claimRuns = async (db: Database, request: ClaimRequest): Promise<Claim> => {
  // The row that `known` shows is older than the one that the update met: revoked meanwhile, or taken by a newer process.
  for (let crossed = 0; crossed < crossedMax; crossed++) {
    const claim = Answer.parse(await db.call(statement, [jsonbText(request)]));
    if (claim.kind === "claimed") return { ...claim, leases: wholeLeases(claim) };
    if (claim.kind !== "crossed") return claim;
  }
  return { kind: "superseded" };
};
