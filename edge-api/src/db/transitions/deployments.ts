import { DeploymentError } from "@longshore/shared/contract/deployments";
import type { BundleManifest, ManifestSchedule } from "@longshore/shared/contract/manifest";
import type { DeploymentSignature } from "@longshore/shared/contract/signatures";
import type { RunLabels } from "@longshore/shared/contract/trigger";
import { z } from "zod";
import type { Database } from "../database.ts";
import { jsonbText, plainText } from "../jsonb-text.ts";
import { fitCounters, laneMax } from "./lane-limits.ts";

export const DeploymentRow = z.object({
  id: z.string(),
  version: z.string(),
  shortCode: z.string(),
  status: z.enum(["PENDING", "DEPLOYED", "FAILED"]),
  bundleHash: z.string(),
  runtime: z.string(),
  runtimeVersion: z.string(),
  externalId: z.string().nullable(),
  git: z.record(z.string(), z.unknown()).nullable(),
  error: DeploymentError.nullable(),
  createdAt: z.string(),
  deployedAt: z.string().nullable(),
  isCurrent: z.boolean(),
  taskCount: z.int(),
});
export type DeploymentRow = z.infer<typeof DeploymentRow>;

/** A row as these statements answer it. */
export const deploymentJson = (table: string) => `json_build_object(
  'id', ${table}.id, 'version', ${table}.version, 'shortCode', ${table}.short_code, 'status', ${table}.status,
  'bundleHash', ${table}.bundle_hash, 'runtime', ${table}.manifest->>'runtime',
  'runtimeVersion', ${table}.manifest->>'runtimeVersion', 'externalId', ${table}.external_id,
  'git', ${table}.git, 'error', ${table}.error,
  'createdAt', ${table}.created_at, 'deployedAt', ${table}.deployed_at,
  'taskCount', jsonb_array_length(${table}.manifest->'tasks'),
  'isCurrent', exists (select from environments e where e.current_deployment_id = ${table}.id))`;

const createStatement = `
with today as (
  select to_char((select app_now()) at time zone 'utc', 'YYYYMMDD') as day
),
made as (
  insert into deployments (id, environment_id, version, short_code, status, bundle_hash, manifest, external_id, git)
  select $1, $2, t.day || '.' || (1 + coalesce((
      select max(split_part(d.version, '.', 2)::int) from deployments d
      where d.environment_id = $2 and d.version like t.day || '.%'), 0)),
    $3, 'PENDING', $4, $5::jsonb, $6, $7::jsonb
  from today t
  on conflict (environment_id, version) do nothing
  returning *
)
select coalesce((select ${deploymentJson("made")} from made), 'null'::json)::text`;

/**
 * A new deployment, not yet usable. Its version is the day and a number that counts up in the environment.
 *
 * Cost: one round trip; another one for each concurrent deployment that took the same number.
 */
export const createDeployment = async (
  db: Database,
  input: {
    id: string;
    environmentId: string;
    shortCode: string;
    bundleHash: string;
    /** The signature is kept with what it is of. */
    manifest: BundleManifest & { signature?: DeploymentSignature };
    externalId: string | null;
    git?: Record<string, unknown> | null;
  },
): Promise<DeploymentRow> => {
  const values = [
    input.id,
    input.environmentId,
    input.shortCode,
    input.bundleHash,
    jsonbText(input.manifest),
    input.externalId === null ? null : plainText(input.externalId),
    input.git == null ? null : jsonbText(input.git),
  ];
  for (let collisions = 0; collisions < 20; collisions++) {
    const row = DeploymentRow.nullable().parse(await db.call(createStatement, values));
    if (row !== null) return row;
  }
  throw new Error("twenty deployments took the version number first");
};

/** A task as it is stored: every default of the manifest resolved. */
export type TaskRow = {
  slug: string;
  filePath: string;
  exportName: string | null;
  description: string | null;
  queueName: string;
  retry: object;
  machine: string;
  labels: RunLabels | null;
  maxDurationS: number | null;
  ttlMs: number | null;
  payloadSchema: unknown;
  limitNames: string[];
  schedule: ManifestSchedule | null;
  finaliser: string | null;
};
export type QueueRow = {
  id: string;
  laneId: string;
  name: string;
  type: "task" | "custom";
  concurrencyLimit: number | null;
  policy: "queue" | "skip" | "replace";
};
export type LimitRow = { id: string; name: string; perKey: number | null; total: number | null };
/** A schedule that the code declares, with its first tick. Units: times in ISO 8601. */
export type DeclaredSchedule = {
  id: string;
  taskSlug: string;
  deduplicationKey: string;
  cron: string;
  timezone: string;
  window: string | null;
  nextRunAt: string;
  fireAt: string;
};

const queueColumns = `"id" text, "laneId" text, "name" text, "type" text, "concurrencyLimit" int, "policy" text`;
const limitColumns = `"id" text, "name" text, "perKey" int, "total" int`;

/* What exists already keeps its limits until the deployment is promoted: they belong to the code that runs. */
const finaliseStatement = `
with target as (
  select d.* from deployments d
  where d.id = $1 and d.environment_id = $2 and d.status <> 'FAILED'
    and exists (
      select from bundles b join environments e on e.project_id = b.project_id
      where e.id = d.environment_id and b.hash = d.bundle_hash)
    and not exists (
      select from jsonb_array_elements(coalesce(d.manifest->'layers', '[]'::jsonb)) layer
      where not exists (
        select from bundles b join environments e on e.project_id = b.project_id
        where e.id = d.environment_id and b.hash = layer->>'hash'))
),
task_rows as (
  insert into tasks (deployment_id, environment_id, slug, file_path, export_name, description, queue_name, retry, machine,
    max_duration_s, ttl_ms, payload_schema, limit_names, schedule, finaliser, labels)
  select d.id, d.environment_id, t."slug", t."filePath", t."exportName", t."description", t."queueName", t."retry",
    t."machine", t."maxDurationS", t."ttlMs", t."payloadSchema",
    array(select jsonb_array_elements_text(t."limitNames")), nullif(t."schedule", 'null'::jsonb),
    t."finaliser", nullif(t."labels", 'null'::jsonb)
  from target d, jsonb_to_recordset($3::jsonb) as t(
    "slug" text, "filePath" text, "exportName" text, "description" text, "queueName" text, "retry" jsonb, "machine" text,
    "maxDurationS" float8, "ttlMs" bigint, "payloadSchema" jsonb, "limitNames" jsonb,
    "schedule" jsonb, "finaliser" text, "labels" jsonb)
  on conflict do nothing
),
queue_rows as (
  insert into queues (id, environment_id, name, type, concurrency_limit, policy)
  select q."id", d.environment_id, q."name", q."type", q."concurrencyLimit", q."policy"
  from target d, jsonb_to_recordset($4::jsonb) as q(${queueColumns})
  on conflict (environment_id, name) do nothing
  returning *
),
lane_rows as (
  insert into lanes (id, environment_id, queue_id, concurrency_key, running_max, paused)
  select n."laneId", q.environment_id, q.id, '', ${laneMax("q", "s")}, q.paused
  from queue_rows q
  join environment_slots s on s.environment_id = q.environment_id
  join jsonb_to_recordset($4::jsonb) as n(${queueColumns}) on n."name" = q.name
  on conflict (queue_id, concurrency_key, limits_key) do nothing
),
limit_rows as (
  insert into concurrency_limits (id, environment_id, name, per_key, total)
  select c."id", d.environment_id, c."name", c."perKey", c."total"
  from target d, jsonb_to_recordset($5::jsonb) as c(${limitColumns})
  on conflict (environment_id, name) do nothing
),
done as (
  update deployments d set status = 'DEPLOYED', deployed_at = coalesce(d.deployed_at, (select app_now()))
  from target t where d.id = t.id
  returning d.*
)
select coalesce((select ${deploymentJson("done")} from done), 'null'::json)::text`;

/**
 * Makes a deployment usable: its tasks and queues are there and its bundle has arrived.
 * Errors: null when the deployment has failed, or it or its bundle is missing; nothing is changed then. Cost: one round trip.
 */
export const finaliseDeployment = async (
  db: Database,
  input: {
    id: string;
    environmentId: string;
    tasks: readonly TaskRow[];
    queues: readonly QueueRow[];
    limits: readonly LimitRow[];
  },
): Promise<DeploymentRow | null> =>
  DeploymentRow.nullable().parse(
    await db.call(finaliseStatement, [
      input.id,
      input.environmentId,
      jsonbText(input.tasks),
      jsonbText(input.queues),
      jsonbText(input.limits),
    ]),
  );

const scheduleColumns = `"id" text, "taskSlug" text, "deduplicationKey" text, "cron" text, "timezone" text,
  "window" text, "nextRunAt" timestamptz, "fireAt" timestamptz`;

/* An unchanged schedule keeps its next tick, so that a deploy at the very minute neither skips nor repeats it; one that
   an operator switched off stays off. A queue or limit that the code no longer declares keeps its row. */
const promoteStatement = `
with moved as (
  update environments e set current_deployment_id = d.id, promoted_at = (select app_now())
  from deployments d
  where d.id = $1 and d.environment_id = $2 and d.status = 'DEPLOYED' and e.id = d.environment_id
  returning d.*
),
place as (
  select s.* from environment_slots s where s.environment_id in (select environment_id from moved)
),
queue_rows as (
  insert into queues (id, environment_id, name, type, concurrency_limit, policy)
  select q."id", d.environment_id, q."name", q."type", q."concurrencyLimit", q."policy"
  from moved d, jsonb_to_recordset($3::jsonb) as q(${queueColumns})
  order by q."name"
  on conflict (environment_id, name) do update
    set concurrency_limit = excluded.concurrency_limit, policy = excluded.policy,
        changed_at = case when queues.concurrency_limit is distinct from excluded.concurrency_limit
          then (select app_now()) else queues.changed_at end
  returning *
),
limits_changed as (
  insert into concurrency_limits (id, environment_id, name, per_key, total)
  select c."id", d.environment_id, c."name", c."perKey", c."total"
  from moved d, jsonb_to_recordset($4::jsonb) as c(${limitColumns})
  order by c."name"
  on conflict (environment_id, name) do update
    set per_key = excluded.per_key, total = excluded.total,
        changed_at = case when (concurrency_limits.per_key, concurrency_limits.total)
          is distinct from (excluded.per_key, excluded.total) then (select app_now()) else concurrency_limits.changed_at end
  returning *
),
${fitCounters},
lanes_locked as (
  select l.id from lanes l
  where l.queue_id in (select id from queue_rows) and (select count(*) from counters_changed) >= 0
  order by l.id
  for update
),
lanes_changed as (
  update lanes l set running_max = ${laneMax("q", "s")}, blocked_by = null
  from queue_rows q, place s
  where l.queue_id = q.id and l.id in (select id from lanes_locked)
    and l.running_max is distinct from ${laneMax("q", "s")}
),
declared as (select * from jsonb_to_recordset($5::jsonb) as n(${scheduleColumns})),
schedule_rows as (
  insert into schedules (id, environment_id, task_slug, type, cron, timezone, "window", deduplication_key,
    has_own_deduplication_key, next_run_at, fire_at)
  select n."id", d.environment_id, n."taskSlug", 'DECLARATIVE', n."cron", n."timezone", n."window",
    n."deduplicationKey", false, n."nextRunAt", n."fireAt"
  from moved d, declared n
  on conflict (environment_id, deduplication_key) do update
    set cron = excluded.cron, timezone = excluded.timezone, "window" = excluded."window", updated_at = (select app_now()),
        next_run_at = case when not schedules.active then null
          when (schedules.cron, schedules.timezone, schedules."window")
            is not distinct from (excluded.cron, excluded.timezone, excluded."window") then schedules.next_run_at
          else excluded.next_run_at end,
        fire_at = case when not schedules.active then null
          when (schedules.cron, schedules.timezone, schedules."window")
            is not distinct from (excluded.cron, excluded.timezone, excluded."window") then schedules.fire_at
          else excluded.fire_at end
),
schedules_gone as (
  delete from schedules s using moved d
  where s.environment_id = d.environment_id and s.type = 'DECLARATIVE'
    and s.deduplication_key not in (select "deduplicationKey" from declared)
)
select coalesce((select ${deploymentJson("moved")} from moved), 'null'::json)::text`;

/**
 * Makes a deployment the one that new runs take; its limits and declared schedules hold from now on, and those of the
 * code before it no longer. What an operator has overridden stays.
 *
 * Errors: null when it is missing or not deployed; nothing is changed then. Cost: one round trip.
 */
export const promoteDeployment = async (
  db: Database,
  input: {
    id: string;
    environmentId: string;
    queues: readonly QueueRow[];
    limits: readonly LimitRow[];
    schedules: readonly DeclaredSchedule[];
  },
): Promise<DeploymentRow | null> => {
  const row = DeploymentRow.nullable().parse(
    await db.call(promoteStatement, [
      input.id,
      input.environmentId,
      jsonbText(input.queues),
      jsonbText(input.limits),
      jsonbText(input.schedules),
    ]),
  );
  return row === null ? null : { ...row, isCurrent: true };
};
