import { z } from "zod";
import type { Database } from "../database.ts";
import { labelsOf, laneMaxOf, limitNamesOf, limitsKeyOf, placeOf } from "./lane-fragments.ts";

const Answer = z.object({
  environmentIds: z.array(z.string()),
  count: z.int(),
  /** Lanes that runs with limits need first: see openLane. */
  lanesMissing: z.array(
    z.object({
      environmentId: z.string(),
      queueId: z.string(),
      concurrencyKey: z.string(),
      limitsKey: z.string(),
      place: z.string(),
      limitNames: z.array(z.string()),
      gates: z.array(z.object({ queue: z.string(), concurrencyKey: z.string().nullable() })),
    }),
  ),
});

/** Of one run. */
const agentPlace = placeOf("p.region", "p.run_labels", "p");

/*
 * A run waits for the deployment that it names, or, where there was none at all, for the first. Whoever comes before
 * its queue exists waits on.
 */
const statement = `
with waiting as (
  select r.id, r.environment_id, r.task_slug, r.concurrency_key as "concurrencyKey", r.requested_queue, r.delay_until,
    r.ttl_ms, r.priority, r.machine, r.retry, r.max_duration_s, r.external_deployment_id, d.id as deployment_id,
    r.limit_names as "limits", r.gates, r.gates_key as "gatesKey", r.region, r.labels, e.type
  from runs r
  join environments e on e.id = r.environment_id
  join deployments d on d.status = 'DEPLOYED' and d.id = case
    when r.external_deployment_id is null then e.current_deployment_id
    else (
      select l.id from deployments l
      where l.environment_id = e.id and l.external_id = r.external_deployment_id and l.status = 'DEPLOYED'
      order by l.id desc limit 1) end
  where r.lane_id is null and r.state = 'pending_version' and ($1::text is null or r.environment_id = $1)
    and exists (select from tasks t where t.deployment_id = d.id and t.slug = r.task_slug)
  order by r.id
  limit 500
  for update of r skip locked
),
placed as (
  select w.*, t.retry as task_retry, t.machine as task_machine, t.max_duration_s as task_max_duration_s,
    coalesce(w.ttl_ms, t.ttl_ms) as ttl, q.id as queue_id, q.paused,
    ${limitNamesOf("w", "t")} as limit_names, ${labelsOf("w.labels", "t")} as run_labels,
    case when w.delay_until > (select app_now()) then 'delayed' else 'queued' end as state
  from waiting w
  join tasks t on t.deployment_id = w.deployment_id and t.slug = w.task_slug
  join queues q on q.environment_id = w.environment_id and q.name = coalesce(w.requested_queue, t.queue_name)
),
keyed as (
  select p.*, ${agentPlace} as agent_place, ${limitsKeyOf("p", "p.limit_names", agentPlace)} as limits_key
  from placed p
),
found as (
  select k.*, l.id as lane_id from keyed k
  left join lanes l on l.queue_id = k.queue_id and l.concurrency_key = k."concurrencyKey" and l.limits_key = k.limits_key
),
lanes_opened as (
  insert into lanes (id, environment_id, queue_id, concurrency_key, limits_key, running_max, paused, has_work, region)
  select distinct on (f.queue_id, f."concurrencyKey", f.limits_key)
    coalesce(f.lane_id, 'lane_' || substr(f.id, 5)), f.environment_id, f.queue_id, f."concurrencyKey", f.limits_key,
    ${laneMaxOf("f.queue_id", "f.environment_id")}, f.paused, f.state = 'queued', f.agent_place
  from found f
  where f.limits_key = '' or f.lane_id is not null
  order by f.queue_id, f."concurrencyKey", f.limits_key, f.state = 'queued' desc
  on conflict (queue_id, concurrency_key, limits_key) do update set has_work = lanes.has_work or excluded.has_work
  returning id, queue_id, concurrency_key, limits_key
),
moved as (
  update runs r
  set state = f.state, queue_id = f.queue_id, lane_id = o.id,
      deployment_id = case when r.external_deployment_id is null then null else f.deployment_id end, labels = f.run_labels,
      retry = f.task_retry || f.retry, machine = coalesce(nullif(f.machine, ''), f.task_machine),
      max_duration_s = coalesce(f.max_duration_s, f.task_max_duration_s), ttl_ms = f.ttl,
      due_at = case when f.state = 'delayed' then f.delay_until end,
      expires_at = case when f.state = 'queued' then (select app_now()) + f.ttl * interval '1 millisecond' end,
      queued_at = case when f.state = 'queued' then (select app_now()) end, updated_at = (select app_now())
  from found f
  join lanes_opened o on o.queue_id = f.queue_id and o.concurrency_key = f."concurrencyKey" and o.limits_key = f.limits_key
  where r.id = f.id and r.state = 'pending_version'
  returning r.id, r.environment_id, r.lane_id, r.state, r.priority, r.machine, r.expires_at
),
queued as (
  insert into queue_entries (run_id, lane_id, environment_id, position_at, machine, expires_at)
  select id, lane_id, environment_id, (select app_now()) - priority * interval '1 second', machine, expires_at from moved where state = 'queued'
),
logged as (
  insert into run_events (run_id, at, kind, from_state, to_state)
  select id, (select app_now()), 'promote', 'pending_version', state from moved
)
select json_build_object(
  'environmentIds', (select coalesce(json_agg(distinct environment_id), '[]') from moved),
  'count', (select count(*) from moved),
  'lanesMissing', (
    select coalesce(json_agg(distinct jsonb_build_object('environmentId', environment_id, 'queueId', queue_id,
      'concurrencyKey', "concurrencyKey", 'limitsKey', limits_key, 'place', agent_place, 'limitNames', limit_names,
      'gates', coalesce(gates, '[]'))), '[]')
    from found where limits_key <> '' and lane_id is null))::text`;

/**
 * Queues runs that waited for a deployment, now that it is there, up to 500: the move `promote` from pending_version.
 * `null` looks in every environment. Cost: one round trip.
 */
export const releasePendingRuns = async (
  db: Database,
  environmentId: string | null,
): Promise<z.infer<typeof Answer>> => Answer.parse(await db.call(statement, [environmentId]));
