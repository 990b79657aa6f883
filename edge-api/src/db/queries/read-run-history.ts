import { defaultMachine } from "@longshore/shared/contract/machines";
import { RunState } from "@longshore/shared/contract/run-status";
import { z } from "zod";
import type { Database } from "../database.ts";
import { askedBy } from "../transitions/lane-fragments.ts";
import { cpuOf, memoryMbOf } from "../transitions/machine-fragments.ts";

/** The finaliser of a run that is over. Shape: `runId` and `madeAt` null while it is due and not made yet. */
const Finaliser = z.object({
  task: z.string(),
  dueAt: z.string(),
  runId: z.string().nullable(),
  madeAt: z.string().nullable(),
});

const finaliser = `(
    select json_build_object('task', coalesce(c.task_slug, d.task_slug), 'dueAt', r.finished_at, 'runId', c.id, 'madeAt', c.created_at)
    from runs r
    left join lateral (select task_slug from due_finalisers where run_id = r.id limit 1) d on true
    left join lateral (
      select id, task_slug, created_at from runs
      where parent_run_id = r.id and trigger_function = 'finaliser' limit 1
    ) c on true
    where r.id = $1 and r.finished_at is not null and (d.task_slug is not null or c.id is not null))`;

const Timeline = z.object({
  events: z.array(
    z.object({
      id: z.string(),
      at: z.string(),
      kind: z.string(),
      from: RunState.nullable(),
      to: RunState.nullable(),
      attempt: z.int().nullable(),
      agentId: z.string().nullable(),
      message: z.string().nullable(),
    }),
  ),
  attempts: z.array(
    z.object({
      number: z.int(),
      status: z.enum(["executing", "completed", "failed", "canceled", "lost"]),
      agentId: z.string().nullable(),
      agentName: z.string().nullable(),
      leasedAt: z.string(),
      startedAt: z.string(),
      finishedAt: z.string().nullable(),
      error: z.unknown(),
    }),
  ),
  waits: z.array(
    z.object({
      id: z.string(),
      kind: z.enum(["time", "run", "token", "batch"]),
      status: z.enum(["pending", "completed"]),
      runId: z.string().nullable(),
      dueAt: z.string().nullable(),
      createdAt: z.string(),
      completedAt: z.string().nullable(),
    }),
  ),
  finaliser: Finaliser.nullable(),
});
export type TimelineRow = z.infer<typeof Timeline>;

const timelineStatement = `
select json_build_object(
  'events', (
    select coalesce(json_agg(json_build_object('id', id::text, 'at', at, 'kind', kind, 'from', from_state, 'to', to_state,
      'attempt', attempt, 'agentId', agent_id, 'message', message) order by id), '[]')
    from (select * from run_events where run_id = $1 order by id desc limit 1000) e),
  'attempts', (
    select coalesce(json_agg(json_build_object('number', a.number, 'status', a.status, 'agentId', a.agent_id,
      'agentName', g.name, 'leasedAt', a.leased_at, 'startedAt', a.started_at, 'finishedAt', a.finished_at,
      'error', a.error) order by a.number), '[]')
    from attempts a left join agents g on g.id = a.agent_id where a.run_id = $1),
  'waits', (
    select coalesce(json_agg(json_build_object('id', p.id, 'kind', p.kind, 'status', p.status, 'runId', p.child_run_id,
      'dueAt', p.due_at, 'createdAt', p.created_at, 'completedAt', p.completed_at) order by p.created_at, p.id), '[]')
    from run_waits w join wait_points p on p.id = w.wait_point_id where w.run_id = $1),
  'finaliser', ${finaliser})::text`;

/** What happened to a run, its attempts and its waits, oldest first; of the events the last thousand. */
export const readTimeline = async (db: Database, runId: string): Promise<TimelineRow> =>
  Timeline.parse(await db.call(timelineStatement, [runId]));

const LogRow = z.object({
  seq: z.int(),
  at: z.string(),
  attempt: z.int(),
  level: z.enum(["trace", "debug", "info", "log", "warn", "error"]),
  stream: z.enum(["stdout", "stderr", "logger", "system"]),
  message: z.string(),
  attributes: z.record(z.string(), z.unknown()).nullable(),
});

const logsStatement = `
select coalesce(json_agg(json_build_object('seq', seq, 'at', at, 'attempt', attempt, 'level', level, 'stream', stream,
  'message', message, 'attributes', attributes) order by attempt, seq), '[]')::text
from (
  select * from run_logs
  where run_id = $1 and (attempt, seq) > ($2::int, $3::int)
  order by attempt, seq limit $4
) l`;

/** Captured lines after a place, in order. */
export const readLogs = async (
  db: Database,
  runId: string,
  after: { attempt: number; seq: number },
  limit: number,
): Promise<z.infer<typeof LogRow>[]> =>
  z.array(LogRow).parse(await db.call(logsStatement, [runId, after.attempt, after.seq, limit]));

const Situation = z.object({
  env: z.object({ running: z.int(), runningMax: z.int(), paused: z.boolean() }).nullable(),
  lane: z.object({ running: z.int(), runningMax: z.int().nullable(), paused: z.boolean() }).nullable(),
  queue: z.object({ name: z.string(), paused: z.boolean() }).nullable(),
  /** What its lane counts in beside itself: named limits, and the queues that are its gates. */
  counters: z.array(
    z.object({
      kind: z.enum(["limit", "gate"]),
      name: z.string(),
      key: z.string(),
      running: z.int(),
      runningMax: z.int().nullable(),
      paused: z.boolean(),
    }),
  ),
  version: z.object({
    task: z.string(),
    external: z.string().nullable(),
    externalStatus: z.string().nullable(),
    current: z.string().nullable(),
    hasTask: z.boolean(),
    queue: z.string().nullable(),
  }),
  ahead: z.int(),
  concurrencyKey: z.string(),
  agents: z.object({
    known: z.int(),
    online: z.int(),
    draining: z.int(),
    free: z.int(),
    large: z.int(),
    roomy: z.int(),
    largest: z.object({ cpus: z.number(), memoryMb: z.number() }).nullable(),
    heldBack: z.object({ name: z.string(), why: z.string() }).nullable(),
  }),
  region: z.string(),
  labels: z.record(z.string(), z.string()),
  labelsMissing: z.array(z.string()),
  machine: z.object({ name: z.string(), cpus: z.number(), memoryMb: z.number() }),
  home: z.object({ name: z.string(), isOnline: z.boolean(), lostAt: z.string() }).nullable(),
  unheard: z.object({ name: z.string(), seenAt: z.string(), lostAt: z.string() }).nullable(),
  waits: z.array(
    z.object({
      kind: z.string(),
      runId: z.string().nullable(),
      batchId: z.string().nullable(),
      id: z.string(),
      dueAt: z.string().nullable(),
    }),
  ),
  dueAt: z.string().nullable(),
  finaliser: Finaliser.nullable(),
});
export type Situation = z.infer<typeof Situation>;

const lostAt = `greatest(a.beat_at + $3 * interval '1 millisecond', a.leases_until)`;

/*
 * `ahead` stops counting at a thousand: "many" is all that a person wants to know beyond that. `lane` and `agents` are those
 * that the run's place leaves (see placeOf); a lane with a place counts in the one without, which has the queue's counts.
 * `labelsMissing` are those that no agent online has, of the run's region where it names one.
 */
const situationStatement = `
with run as (
  select r.*, ${askedBy("coalesce(l.region, '')")} as asked, ${cpuOf("r.machine")} as cpu, ${memoryMbOf("r.machine")} as memory_mb
  from runs r left join lanes l on l.id = r.lane_id
  where r.id = $1
),
counting_lane as (
  select coalesce(p.id, l.id) as id
  from run r join lanes l on l.id = r.lane_id
  left join lanes p on l.region <> '' and p.id = any(l.counter_ids) and p.queue_id = l.queue_id and p.region = ''
),
members as (
  select a.*, coalesce(a.beat_at > (select app_now()) - $2 * interval '1 millisecond', false) as is_online
  from run r join agents a on a.pool_id = (select e.pool_id from environments e where e.id = r.environment_id)
  where a.revoked_at is null
),
online as (
  select a.*, u.used, coalesce(a.cpus >= r.cpu and a.memory_mb >= r.memory_mb, true) as is_large,
    coalesce(a.cpus - u.cpu >= r.cpu and a.memory_mb - u.memory_mb >= r.memory_mb, true) as has_room
  from run r join members a on r.asked <@ a.labels
  cross join lateral (
    select count(*) as used, coalesce(sum(${cpuOf("o.machine")}), 0) as cpu,
      coalesce(sum(${memoryMbOf("o.machine")}), 0) as memory_mb
    from leases l join runs o on o.id = l.run_id where l.agent_id = a.id
  ) u
)
select json_build_object(
  'env', (select json_build_object('running', s.running, 'runningMax', s.running_max, 'paused', s.paused)
    from environment_slots s join run r on r.environment_id = s.environment_id),
  'lane', (select json_build_object('running', l.running, 'runningMax', l.running_max, 'paused', l.paused)
    from lanes l join counting_lane c on c.id = l.id),
  'queue', (select json_build_object('name', q.name, 'paused', q.paused) from queues q join run r on r.queue_id = q.id),
  'counters', (
    select coalesce(json_agg(json_build_object('kind', c.kind, 'name', c.name, 'key', c.key, 'running', c.running,
      'runningMax', c.running_max, 'paused', c.paused) order by c.name, c.key), '[]')
    from (
      select 'limit' as kind, n.name, k.concurrency_key as key, k.running,
        case when k.override_max is not null and (k.override_expires_at is null or k.override_expires_at > (select app_now()))
          then k.override_max else k.running_max end as running_max, k.paused
      from run r join lanes l on l.id = r.lane_id join limit_slots k on k.id = any(l.counter_ids)
      join concurrency_limits n on n.id = k.limit_id
      union all
      select 'gate', q.name, g.concurrency_key, g.running, g.running_max, g.paused
      from run r join lanes l on l.id = r.lane_id
      join lanes g on g.id = any(l.counter_ids) and g.id <> (select id from counting_lane)
      join queues q on q.id = g.queue_id
    ) c),
  'version', (
    select json_build_object('task', r.task_slug, 'external', r.external_deployment_id,
      'externalStatus', (
        select d.status from deployments d
        where d.environment_id = r.environment_id and d.external_id = r.external_deployment_id
        order by d.id desc limit 1),
      'current', d.version, 'hasTask', t.slug is not null,
      'queue', coalesce(r.requested_queue, t.queue_name))
    from run r join environments e on e.id = r.environment_id
    left join deployments d on d.id = e.current_deployment_id
    left join tasks t on t.deployment_id = d.id and t.slug = r.task_slug),
  'concurrencyKey', (select concurrency_key from run),
  'ahead', (
    select count(*) from (
      select 1 from queue_entries q
      join queue_entries me on me.run_id = $1 and me.lane_id = q.lane_id
      where q.agent_id is null and (q.position_at, q.run_id) < (me.position_at, me.run_id)
      limit 1000) a),
  'region', (select coalesce(asked->>'region', '') from run), 'labels', (select asked - 'region' from run),
  'labelsMissing', (
    select coalesce(json_agg(l.name order by l.name), '[]')
    from run r cross join lateral jsonb_each_text(r.asked - 'region') as l(name, value)
    where not exists (
      select from members a
      where a.is_online and a.labels->>l.name = l.value and (r.asked->'region' is null or a.labels->'region' = r.asked->'region'))),
  'machine', (select json_build_object('name', coalesce(nullif(machine, ''), '${defaultMachine}'), 'cpus', cpu, 'memoryMb', memory_mb)
    from run),
  'agents', (select json_build_object(
    'known', count(*), 'online', count(*) filter (where is_online), 'draining', count(*) filter (where is_online and (draining or drains_itself)),
    'free', coalesce(sum(greatest(0, slots - used)) filter (
      where is_online and not draining and not drains_itself and held_back is null), 0),
    'large', count(*) filter (where is_online and is_large),
    'roomy', count(*) filter (
      where is_online and has_room and slots > used and not draining and not drains_itself and held_back is null),
    'largest', (select json_build_object('cpus', max(o.cpus), 'memoryMb', max(o.memory_mb)) from online o
      where o.is_online and o.cpus is not null having count(*) > 0),
    'heldBack', (select json_build_object('name', o.name, 'why', o.held_back) from online o
      where o.held_back is not null and o.is_online order by o.id limit 1))
    from online),
  'home', (select json_build_object('name', a.name, 'isOnline', coalesce(a.beat_at > (select app_now()) - $2 * interval '1 millisecond', false),
      'lostAt', ${lostAt})
    from agents a join run r on r.waiting_agent_id = a.id),
  'unheard', (select json_build_object('name', a.name, 'seenAt', a.beat_at, 'lostAt', ${lostAt})
    from leases l join agents a on a.id = l.agent_id
    where l.run_id = $1 and a.beat_at < (select app_now()) - $4 * interval '1 millisecond'),
  'waits', (
    select coalesce(json_agg(json_build_object('kind', p.kind, 'runId', p.child_run_id, 'batchId', p.batch_id,
      'id', p.id, 'dueAt', p.due_at)), '[]')
    from run_waits w join wait_points p on p.id = w.wait_point_id
    where w.run_id = $1 and w.is_active and w.taken_epoch is null and p.status = 'pending'),
  'dueAt', (select due_at from run),
  'finaliser', ${finaliser})::text`;

/**
 * Everything that could keep a run from moving. Units: an agent counts as online when heard within `onlineMs`; one with a
 * lease as unheard when it was not for `beatsMs`, and as lost after `silentMs`, or for as long as it asked for.
 */
export const readSituation = async (
  db: Database,
  runId: string,
  { onlineMs, silentMs, beatsMs }: { onlineMs: number; silentMs: number; beatsMs: number },
): Promise<Situation> =>
  Situation.parse(await db.call(situationStatement, [runId, onlineMs, silentMs, beatsMs]));
