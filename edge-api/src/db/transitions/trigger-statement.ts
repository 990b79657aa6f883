import { labelsOf, laneMaxOf, limitNamesOf, limitsKeyOf, placeOf } from "./lane-fragments.ts";

/**
 * Keys of triggers that a statement must know of: none, no other than the requests' own, or all (idempotency keys and places
 * as well). What it does not know of costs it nothing: a statement pays for each of its parts before it has seen a row.
 */
export type TriggerKeys = "none" | "request" | "all";

/** Of one item. */
const runLabels = labelsOf('i."labels"', "t");

/*
 * Who may create a run is decided by unique rows of idempotency_keys, in this order: the place (a debounce key, or the
 * lane of a queue whose policy is skip or replace), the caller's idempotency key, the request's own key. A place may be
 * left pointing at a run that was never made, when a later row was lost to a concurrent trigger; whoever sees such a row
 * takes it. The others never are. Rows are looked up by lateral joins of one: a plan that was made while the tables were
 * small must not come to read them whole, nor every key that has not expired.
 *
 * A key or a place of a queued run that has outlived its time to live is about to be free. It is not taken here: a claim that
 * began in time may be on its way to that run, and only who holds its queue entry knows (expireNamedRuns).
 */
const now = "(select at from clock)";

/** Whether a run is queued and has outlived its time to live: no claim that begins now takes it. */
const hasOutlived = (runId: string): string =>
  `coalesce((select expires_at <= ${now} from queue_entries where run_id = ${runId}), false)`;

/** The requests' own keys that name a run already. */
const seenRequests = `
seen_requests as (
  select v.ord, k.run_id
  from valid v
  cross join lateral (
    select run_id, expires_at from idempotency_keys
    where environment_id = v."environmentId" and task_slug = '@request' and key = v."requestKey"
    limit 1
  ) k
  where v."requestKey" is not null and k.expires_at > ${now}
),`;

/** Takes the requests' own keys for those contenders of which the condition holds. */
const requestsTaken = (condition: string): string => `
requests_taken as (
  insert into idempotency_keys (environment_id, task_slug, key, run_id, expires_at)
  select distinct on ("environmentId", "requestKey")
    "environmentId", '@request', "requestKey", "id", ${now} + interval '1 day'
  from contenders
  where "requestKey" is not null and ${condition}
  order by "environmentId", "requestKey", ord
  on conflict (environment_id, task_slug, key) do update
    set run_id = excluded.run_id, expires_at = excluded.expires_at
    where idempotency_keys.expires_at <= ${now}
  returning run_id
),`;

/** What becomes of the keys of valid items, by which of them there are. Each gives `contenders`. */
const keysTaken: Record<TriggerKeys, string> = {
  none: "contenders as (select * from valid),",
  request: `${seenRequests}
contenders as (
  select * from valid v where not exists (select from seen_requests s where s.ord = v.ord)
),
${requestsTaken("true")}`,
  all: `
seen as (
  select v.ord, k.run_id, ${hasOutlived("k.run_id")} as has_outlived
  from valid v
  cross join lateral (
    select run_id, expires_at from idempotency_keys
    where environment_id = v."environmentId" and task_slug = v."task" and key = v."idempotencyKey"
    limit 1
  ) k
  where v."idempotencyKey" is not null and k.expires_at > ${now}
),${seenRequests}
seen_places as (
  select v.ord, k.run_id,
    case when v."debounceKey" is null then r.finished_at is null and r.id is not null
         else coalesce(r.state = 'delayed' and r.attempt = 0, false) end as is_live,
    v."debounceKey" is null and ${hasOutlived("k.run_id")} as has_outlived
  from valid v
  cross join lateral (
    select run_id from idempotency_keys
    where environment_id = v."environmentId" and task_slug = v.place and key = v.place_key
    limit 1
  ) k
  left join lateral (select id, state, attempt, finished_at from runs where id = k.run_id limit 1) r on true
  where v.place is not null
),
fresh as (
  select v.*, s.run_id as place_run_id, coalesce(s.is_live, false) as place_is_live
  from valid v left join seen_places s on s.ord = v.ord
  where not exists (select from seen s where s.ord = v.ord)
    and not exists (select from seen_requests s where s.ord = v.ord)
    and not coalesce(s.has_outlived, false)
),
places_taken as (
  insert into idempotency_keys (environment_id, task_slug, key, run_id, expires_at)
  select distinct on ("environmentId", place, place_key)
    "environmentId", place, place_key, "id", ${now} + interval '90 days'
  from fresh
  where place is not null and (not place_is_live or ("debounceKey" is null and policy = 'replace'))
  order by "environmentId", place, place_key, ord
  on conflict (environment_id, task_slug, key) do update
    set run_id = excluded.run_id, expires_at = excluded.expires_at
    where idempotency_keys.run_id in (select run_id from seen_places)
  returning run_id
),
contenders as (select * from fresh where place is null or "id" in (select run_id from places_taken)),
keys_taken as (
  insert into idempotency_keys (environment_id, task_slug, key, run_id, expires_at)
  select distinct on ("environmentId", "task", "idempotencyKey")
    "environmentId", "task", "idempotencyKey", "id", "idempotencyExpiresAt"
  from contenders where "idempotencyKey" is not null
  order by "environmentId", "task", "idempotencyKey", ord
  on conflict (environment_id, task_slug, key) do update
    set run_id = excluded.run_id, expires_at = excluded.expires_at
    where idempotency_keys.expires_at <= ${now}
  returning run_id
),
${requestsTaken(`("idempotencyKey" is null or "id" in (select run_id from keys_taken))`)}`,
};

/** Whether the contender `f` has all that it asked for. */
const hasWon: Record<TriggerKeys, string> = {
  none: "true",
  request: `f."requestKey" is null or f."id" in (select run_id from requests_taken)`,
  all: `case
    when f."idempotencyKey" is not null then f."id" in (select run_id from keys_taken)
    when f."requestKey" is not null then f."id" in (select run_id from requests_taken)
    else true end`,
};

/** What each item came to. */
const answers: Record<TriggerKeys, string> = {
  none: `
  select r.ord, m.id as run_id, m.id as made_id, m.state, null::text as place_run_id, false as place_is_live,
    null::text as cached_id, null::text as replayed_id, false as has_outlived
  from resolved r
  left join made m on m.id = r."id"`,
  request: `
  select r.ord, coalesce(m.id, q.run_id) as run_id, m.id as made_id, m.state, null::text as place_run_id,
    false as place_is_live, null::text as cached_id, q.run_id as replayed_id, false as has_outlived
  from resolved r
  left join made m on m.id = r."id"
  left join seen_requests q on q.ord = r.ord`,
  all: `
  select r.ord, coalesce(m.id, q.run_id, s.run_id, case when p.is_live and r."debounceKey" is null
      and (r.policy = 'skip' or p.has_outlived) then p.run_id end) as run_id,
    m.id as made_id, m.state, p.run_id as place_run_id, coalesce(p.is_live, false) as place_is_live,
    s.run_id as cached_id, q.run_id as replayed_id,
    coalesce(s.has_outlived, p.has_outlived, false) as has_outlived
  from resolved r
  left join made m on m.id = r."id"
  left join seen s on s.ord = r.ord
  left join seen_requests q on q.ord = r.ord
  left join seen_places p on p.ord = r.ord`,
};

const tagged = `
tagged as (
  insert into run_tags (environment_id, tag, run_id)
  select distinct "environmentId", t.tag, "id" from placed cross join lateral unnest("tags") as t(tag)
  where "tags" <> '{}'
),`;

/**
 * One statement for many triggers, that knows of these keys. An item that needs a place, which only the one that knows of
 * all keys gives, is answered as `placed` by the others, and makes nothing.
 */
export const triggerStatement = (keys: TriggerKeys, hasTags: boolean): string => `
with clock as materialized (select app_now() as at),
items as (
  select row_number() over () as ord, i.*
  from jsonb_to_recordset($1::jsonb) as i(
    "id" text, "environmentId" text, "task" text, "queue" text, "concurrencyKey" text, "laneId" text,
    "limits" text[], "gates" jsonb, "gatesKey" text, "payload" text, "payloadType" text, "delayUntil" timestamptz,
    "ttlMs" bigint, "priority" float8, "debounceKey" text, "idempotencyKey" text, "idempotencyExpiresAt" timestamptz,
    "requestKey" text, "parentRunId" text, "resumeParent" boolean, "waitPointId" text, "lockVersion" text,
    "externalDeploymentId" text, "maxAttempts" int, "machine" text, "maxDurationS" float8, "tags" text[],
    "metadata" jsonb, "isTest" boolean, "triggerFunction" text, "batchId" text, "batchIndex" int, "scheduleId" text,
    "bulkActionId" text, "replayedFromId" text, "region" text, "labels" jsonb, "idempotencyOptions" jsonb)
),
keyed as materialized (
  select i.*, e.pool_id, d.id as deployment_id, t.slug as found_task, q.id as queue_id, q.policy,
    t.retry as task_retry, t.machine as task_machine, t.max_duration_s as task_max_duration_s, t.ttl_ms as task_ttl_ms,
    p.id as parent_id, p.depth as parent_depth, coalesce(p.root_run_id, p.id) as root_id,
    d.id is null and i."lockVersion" is null
      and (i."externalDeploymentId" is not null or e.current_deployment_id is null) as is_pending,
    -- What runs there goes to its end, with all that it triggers.
    e.archived_at is not null and i."parentRunId" is null as is_archived,
    ${limitNamesOf("i", "t")} as limit_names,
    ${runLabels} as run_labels,
    ${placeOf('i."region"', runLabels, "e")} as agent_place,
    ${limitsKeyOf("i", limitNamesOf("i", "t"), placeOf('i."region"', runLabels, "e"))} as limits_key
  from items i
  cross join lateral (select * from environments where id = i."environmentId" limit 1) e
  left join lateral (
    select id from deployments
    where status = 'DEPLOYED' and id = case
      when i."lockVersion" is not null
        then (select l.id from deployments l where l.environment_id = e.id and l.version = i."lockVersion")
      when i."externalDeploymentId" is not null then (
        select l.id from deployments l
        where l.environment_id = e.id and l.external_id = i."externalDeploymentId" and l.status = 'DEPLOYED'
        order by l.id desc limit 1)
      else e.current_deployment_id end
    limit 1
  ) d on true
  left join lateral (select * from tasks where deployment_id = d.id and slug = i."task" limit 1) t on true
  left join lateral (
    select * from queues where environment_id = e.id and name = coalesce(i."queue", t.queue_name) limit 1
  ) q on true
  left join lateral (
    select id, environment_id, depth, root_run_id, finished_at, cancel_requested_at from runs
    where id = i."parentRunId" limit 1
  ) p on p.environment_id = e.id
    and (i."triggerFunction" = 'finaliser' or (p.finished_at is null and p.cancel_requested_at is null))
),
resolved as materialized (
  select k.*, l.id as lane_id, l.has_work,
    case when "debounceKey" is not null then '@debounce/' || "task" when policy <> 'queue' then '@active/' || k.queue_id end
      as place,
    coalesce("debounceKey", k."concurrencyKey") as place_key
  from keyed k
  left join lateral (
    select id, has_work from lanes
    where queue_id = k.queue_id and concurrency_key = k."concurrencyKey" and limits_key = k.limits_key
    limit 1
  ) l on true
),
valid as (
  select * from resolved
  where (is_pending or (found_task is not null and queue_id is not null and (limits_key = '' or lane_id is not null)))
    and ("parentRunId" is null or parent_id is not null) and not is_archived${keys === "all" ? "" : " and place is null"}
),
${keysTaken[keys]}
winners as (
  select f.*,
    case when f.is_pending then 'pending_version' when f."delayUntil" > ${now} then 'delayed' else 'queued' end as state,
    coalesce(f."ttlMs", f.task_ttl_ms) as ttl_ms
  from contenders f
  where ${hasWon[keys]}
),
lanes_opened as (
  insert into lanes (id, environment_id, queue_id, concurrency_key, limits_key, running_max, paused, has_work, region)
  select distinct on (w.queue_id, w."concurrencyKey", w.limits_key)
    w."laneId", w."environmentId", w.queue_id, w."concurrencyKey", w.limits_key,
    ${laneMaxOf("w.queue_id", 'w."environmentId"')},
    (select paused from queues where id = w.queue_id), w.state = 'queued', w.agent_place
  from winners w
  where w.state <> 'pending_version' and (w.lane_id is null or (not w.has_work and w.state = 'queued'))
  order by w.queue_id, w."concurrencyKey", w.limits_key, w.state = 'queued' desc
  on conflict (queue_id, concurrency_key, limits_key) do update set has_work = lanes.has_work or excluded.has_work
  returning id, queue_id, concurrency_key, limits_key
),
placed as (
  select w.*, coalesce(w.lane_id, o.id) as lane
  from winners w
  left join lanes_opened o on o.queue_id = w.queue_id and o.concurrency_key = w."concurrencyKey"
    and o.limits_key = w.limits_key
),
made as (
  insert into runs (
    id, environment_id, task_slug, state, deployment_id, queue_id, lane_id, payload, payload_type, retry, machine,
    max_duration_s, ttl_ms, priority, tags, metadata, is_test, idempotency_key, trigger_function,
    parent_run_id, root_run_id, depth, due_at, expires_at, created_at, updated_at, queued_at, concurrency_key,
    requested_queue, limit_names, gates, gates_key, delay_until, debounce_key, external_deployment_id, batch_id, batch_index,
    schedule_id, bulk_action_id, replayed_from_id, region, labels, idempotency_options)
  select "id", "environmentId", "task", state,
    case when "lockVersion" is null and "externalDeploymentId" is null then null else deployment_id end,
    case when not is_pending then queue_id end, lane, "payload", "payloadType",
    coalesce(task_retry, '{}') || case when "maxAttempts" is null then '{}'
      else jsonb_build_object('maxAttempts', "maxAttempts") end,
    coalesce("machine", task_machine, ''), coalesce("maxDurationS", task_max_duration_s), ttl_ms, "priority",
    coalesce("tags", '{}'), nullif("metadata", 'null'::jsonb), "isTest", "idempotencyKey",
    "triggerFunction", parent_id, root_id, case when parent_id is null then 0 else parent_depth + 1 end,
    case when state = 'delayed' then "delayUntil" end,
    case when state = 'queued' then ${now} + ttl_ms * interval '1 millisecond' end,
    ${now}, ${now}, case when state = 'queued' then ${now} end, "concurrencyKey",
    "queue", "limits",
    nullif("gates", 'null'::jsonb), "gatesKey", case when "delayUntil" > ${now} then "delayUntil" end, "debounceKey",
    "externalDeploymentId", "batchId", "batchIndex", "scheduleId", "bulkActionId", "replayedFromId", "region", run_labels,
    nullif("idempotencyOptions", 'null'::jsonb)
  from placed
  returning id, state
),
queued as (
  insert into queue_entries (run_id, lane_id, environment_id, position_at, machine, expires_at)
  select "id", lane, "environmentId", ${now} - "priority" * interval '1 second',
    coalesce("machine", task_machine, ''), ${now} + ttl_ms * interval '1 millisecond'
  from placed where state = 'queued'
),
${hasTags ? tagged : ""}
logged as (
  insert into run_events (run_id, at, kind, to_state) select "id", ${now}, 'trigger', state from placed
),
answers as (${answers[keys]}
),
links as (
  select p."environmentId", p."waitPointId", p.parent_id, p."id" as child_id
  from placed p where p."resumeParent" and p.parent_id is not null
),
points as (
  insert into wait_points (id, environment_id, kind, status, child_run_id, created_at)
  select "waitPointId", "environmentId", 'run', 'pending', child_id, ${now} from links
),
waits as (
  insert into run_waits (run_id, wait_point_id) select parent_id, "waitPointId" from links
)
select coalesce(json_agg(json_build_object(
  'ord', r.ord, 'poolId', r.pool_id, 'state', a.state, 'runId', a.run_id, 'queueId', r.queue_id,
  'limitNames', r.limit_names, 'limitsKey', r.limits_key, 'place', r.agent_place, 'labels', r.run_labels,
  'replacedRunId', case when a.made_id is not null and a.place_is_live then a.place_run_id end,
  'kind', case
    ${keys === "all" ? "" : "when r.place is not null then 'placed'"}
    when r.is_archived then 'archived'
    when r."lockVersion" is not null and r.deployment_id is null then 'version_missing'
    when r.is_pending then case when r."parentRunId" is not null and r.parent_id is null then 'parent_missing'
      when a.made_id is not null then 'created' when a.replayed_id is not null then 'replayed'
      when a.has_outlived then 'expired' when a.cached_id is not null then 'cached' else 'again' end
    when r.found_task is null then 'task_missing'
    when r.queue_id is null then 'queue_missing'
    when r."parentRunId" is not null and r.parent_id is null then 'parent_missing'
    when r.limits_key <> '' and r.lane_id is null then 'lane_missing'
    when a.made_id is not null then 'created'
    when a.replayed_id is not null then 'replayed'
    when a.has_outlived then 'expired'
    when a.run_id is not null then 'cached'
    else 'again' end
  ) order by r.ord), '[]')::text
from resolved r join answers a on a.ord = r.ord`;
