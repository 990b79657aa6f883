import type { PacketType } from "@longshore/shared/contract/packets";
import { RunState } from "@longshore/shared/contract/run-status";
import { z } from "zod";
import type { Database } from "../database.ts";
import { jsonbText } from "../jsonb-text.ts";
import { laneMax } from "./lane-limits.ts";

/** One trigger, its options resolved. Units: times in ISO 8601, `ttlMs` in milliseconds, `priority` in seconds. */
export type TriggerItem = {
  id: string;
  environmentId: string;
  task: string;
  queue: string | null;
  concurrencyKey: string;
  laneId: string;
  payload: string | null;
  payloadType: PacketType;
  delayUntil: string | null;
  ttlMs: number | null;
  priority: number;
  idempotencyKey: string | null;
  idempotencyExpiresAt: string | null;
  requestKey: string | null;
  parentRunId: string | null;
  resumeParent: boolean;
  waitPointId: string;
  lockVersion: string | null;
  maxAttempts: number | null;
  machine: string | null;
  maxDurationS: number | null;
  tags: string[];
  metadata: Record<string, unknown> | null;
  isTest: boolean;
  triggerFunction: string;
  batchId: string | null;
  batchIndex: number | null;
  scheduleId: string | null;
  bulkActionId: string | null;
  replayedFromId: string | null;
  region: string | null;
  idempotencyOptions: { key: string; scope: string } | null;
};

const Outcome = z.object({
  ord: z.int(),
  kind: z.enum([
    "created",
    "cached",
    "replayed",
    "task_missing",
    "version_missing",
    "queue_missing",
    "parent_missing",
    "again",
  ]),
  runId: z.string().nullable(),
  state: RunState.nullable(),
  poolId: z.string().nullable(),
});
export type TriggerOutcome = z.infer<typeof Outcome>;

const statement = `
with items as (
  select row_number() over () as ord, i.*
  from jsonb_to_recordset($1::jsonb) as i(
    "id" text, "environmentId" text, "task" text, "queue" text, "concurrencyKey" text, "laneId" text,
    "payload" text, "payloadType" text, "delayUntil" timestamptz, "ttlMs" bigint, "priority" float8,
    "idempotencyKey" text, "idempotencyExpiresAt" timestamptz, "requestKey" text,
    "parentRunId" text, "resumeParent" boolean, "waitPointId" text, "lockVersion" text,
    "maxAttempts" int, "machine" text, "maxDurationS" float8, "tags" jsonb, "metadata" jsonb, "isTest" boolean,
    "triggerFunction" text, "batchId" text, "batchIndex" int, "scheduleId" text, "bulkActionId" text,
    "replayedFromId" text, "region" text, "idempotencyOptions" jsonb)
),
resolved as (
  select i.*, e.pool_id, d.id as deployment_id, t.slug as found_task, q.id as queue_id, ${laneMax("q", "s")} as concurrency_limit,
    q.paused as queue_paused, t.retry as task_retry, t.machine as task_machine,
    t.max_duration_s as task_max_duration_s, t.ttl_ms as task_ttl_ms,
    p.id as parent_id, p.depth as parent_depth, coalesce(p.root_run_id, p.id) as root_id
  from items i
  join environments e on e.id = i."environmentId"
  join environment_slots s on s.environment_id = e.id
  left join deployments d on d.status = 'DEPLOYED' and d.id = case when i."lockVersion" is null
    then e.current_deployment_id
    else (select l.id from deployments l where l.environment_id = e.id and l.version = i."lockVersion") end
  left join tasks t on t.deployment_id = d.id and t.slug = i."task"
  left join queues q on q.environment_id = e.id and q.name = coalesce(i."queue", t.queue_name)
  left join runs p on p.id = i."parentRunId" and p.environment_id = e.id and p.finished_at is null
),
valid as (
  select * from resolved
  where found_task is not null and queue_id is not null and ("parentRunId" is null or parent_id is not null)
),
seen as (
  select v.ord, k.run_id
  from valid v
  join idempotency_keys k on k.environment_id = v."environmentId" and k.task_slug = v."task"
    and k.key = v."idempotencyKey" and k.expires_at > app_now()
),
seen_requests as (
  select v.ord, k.run_id
  from valid v
  join idempotency_keys k on k.environment_id = v."environmentId" and k.task_slug = '@request'
    and k.key = v."requestKey" and k.expires_at > app_now()
),
fresh as (
  select * from valid v
  where not exists (select from seen s where s.ord = v.ord)
    and not exists (select from seen_requests s where s.ord = v.ord)
),
keys_taken as (
  insert into idempotency_keys (environment_id, task_slug, key, run_id, expires_at)
  select distinct on ("environmentId", "task", "idempotencyKey")
    "environmentId", "task", "idempotencyKey", "id", "idempotencyExpiresAt"
  from fresh where "idempotencyKey" is not null
  order by "environmentId", "task", "idempotencyKey", ord
  on conflict (environment_id, task_slug, key) do update
    set run_id = excluded.run_id, expires_at = excluded.expires_at
    where idempotency_keys.expires_at <= app_now()
  returning run_id
),
requests_taken as (
  insert into idempotency_keys (environment_id, task_slug, key, run_id, expires_at)
  select distinct on ("environmentId", "requestKey")
    "environmentId", '@request', "requestKey", "id", app_now() + interval '1 day'
  from fresh
  where "requestKey" is not null
    and ("idempotencyKey" is null or "id" in (select run_id from keys_taken))
  order by "environmentId", "requestKey", ord
  on conflict (environment_id, task_slug, key) do update
    set run_id = excluded.run_id, expires_at = excluded.expires_at
    where idempotency_keys.expires_at <= app_now()
  returning run_id
),
winners as (
  select f.*,
    case when f."delayUntil" > app_now() then 'delayed' else 'queued' end as state,
    coalesce(f."ttlMs", f.task_ttl_ms) as ttl_ms
  from fresh f
  where (f."idempotencyKey" is null or f."id" in (select run_id from keys_taken))
    and (f."requestKey" is null or f."id" in (select run_id from requests_taken))
),
lanes_seen as (
  select w.ord, l.id, l.has_work
  from winners w join lanes l on l.queue_id = w.queue_id and l.concurrency_key = w."concurrencyKey"
    and l.limits_key = ''
),
lanes_opened as (
  insert into lanes (id, environment_id, queue_id, concurrency_key, running_max, paused, has_work)
  select distinct on (w.queue_id, w."concurrencyKey")
    w."laneId", w."environmentId", w.queue_id, w."concurrencyKey", w.concurrency_limit, w.queue_paused,
    w.state = 'queued'
  from winners w
  where not exists (
    select from lanes_seen s where s.ord = w.ord and (s.has_work or w.state <> 'queued')
  )
  order by w.queue_id, w."concurrencyKey", w.state = 'queued' desc
  on conflict (queue_id, concurrency_key, limits_key) do update set has_work = lanes.has_work or excluded.has_work
  returning id, queue_id, concurrency_key
),
placed as (
  select w.*, coalesce(s.id, o.id) as lane
  from winners w
  left join lanes_seen s on s.ord = w.ord
  left join lanes_opened o on o.queue_id = w.queue_id and o.concurrency_key = w."concurrencyKey"
),
made as (
  insert into runs (
    id, environment_id, task_slug, state, deployment_id, queue_id, lane_id, payload, payload_type, retry, machine,
    max_duration_s, ttl_ms, priority, tags, metadata, is_test, idempotency_key, trigger_function,
    parent_run_id, root_run_id, depth, due_at, expires_at, created_at, updated_at, queued_at, concurrency_key,
    requested_queue, batch_id, batch_index, schedule_id, bulk_action_id, replayed_from_id, region, idempotency_options)
  select "id", "environmentId", "task", state, case when "lockVersion" is null then null else deployment_id end,
    queue_id, lane, "payload", "payloadType",
    case when "maxAttempts" is null then task_retry
         else task_retry || jsonb_build_object('maxAttempts', "maxAttempts") end,
    coalesce("machine", task_machine), coalesce("maxDurationS", task_max_duration_s), ttl_ms, "priority",
    array(select jsonb_array_elements_text("tags")), "metadata", "isTest", "idempotencyKey", "triggerFunction",
    parent_id, root_id, case when parent_id is null then 0 else parent_depth + 1 end,
    case when state = 'delayed' then "delayUntil" end,
    case when state = 'queued' then app_now() + ttl_ms * interval '1 millisecond' end,
    app_now(), app_now(), case when state = 'queued' then app_now() end, "concurrencyKey", "queue", "batchId",
    "batchIndex", "scheduleId", "bulkActionId", "replayedFromId", "region", nullif("idempotencyOptions", 'null'::jsonb)
  from placed
  returning id, state
),
queued as (
  insert into queue_entries (run_id, lane_id, environment_id, position_at)
  select "id", lane, "environmentId", app_now() - "priority" * interval '1 second'
  from placed where state = 'queued'
),
logged as (
  insert into run_events (run_id, at, kind, to_state) select "id", app_now(), 'trigger', state from placed
),
links as (
  select v.ord, v."environmentId", v."waitPointId", v.parent_id, coalesce(m.id, s.run_id) as child_id
  from valid v
  left join made m on m.id = v."id"
  left join seen s on s.ord = v.ord
  where v."resumeParent" and v.parent_id is not null and (m.id is not null or s.run_id is not null)
),
points as (
  insert into wait_points (id, environment_id, kind, status, child_run_id, output, output_type, error, created_at, completed_at)
  select l."waitPointId", l."environmentId", 'run', case when c.finished_at is null then 'pending' else 'completed' end,
    l.child_id, c.output, c.output_type, c.error, app_now(), case when c.finished_at is not null then app_now() end
  from links l left join runs c on c.id = l.child_id
),
waits as (
  insert into run_waits (run_id, wait_point_id) select parent_id, "waitPointId" from links
)
select coalesce(json_agg(json_build_object(
  'ord', r.ord, 'poolId', r.pool_id, 'state', m.state,
  'runId', coalesce(m.id, s.run_id, q.run_id),
  'kind', case
    when r.found_task is null then case when r."lockVersion" is not null and r.deployment_id is null
      then 'version_missing' else 'task_missing' end
    when r.queue_id is null then 'queue_missing'
    when r."parentRunId" is not null and r.parent_id is null then 'parent_missing'
    when m.id is not null then 'created'
    when s.run_id is not null then 'cached'
    when q.run_id is not null then 'replayed'
    else 'again' end
  ) order by r.ord), '[]')::text
from resolved r
left join made m on m.id = r."id"
left join seen s on s.ord = r.ord
left join seen_requests q on q.ord = r.ord`;

/**
 * Creates runs, each queued or delayed, with its lane opened where it stood idle: the move `trigger` for many at once.
 *
 * Shape: one outcome for each item, in order. `cached`: a live idempotency key names an earlier run. `replayed`: this
 * very request made one before. `again`: a concurrent trigger took the key; the same call now sees its run.
 * Cost: one round trip, whatever the count.
 */
export const triggerRuns = async (db: Database, items: readonly TriggerItem[]): Promise<TriggerOutcome[]> =>
  z.array(Outcome).parse(await db.call(statement, [jsonbText(items)]));
