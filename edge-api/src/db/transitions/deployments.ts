import { DeploymentError } from "@longshore/shared/contract/deployments";
import type { BundleManifest } from "@longshore/shared/contract/manifest";
import { z } from "zod";
import type { Database } from "../database.ts";
import { jsonbText, plainText } from "../jsonb-text.ts";

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
  select to_char(app_now() at time zone 'utc', 'YYYYMMDD') as day
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
    manifest: BundleManifest;
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
  maxDurationS: number | null;
  ttlMs: number | null;
  payloadSchema: unknown;
};
export type QueueRow = {
  id: string;
  laneId: string;
  name: string;
  type: "task" | "custom";
  concurrencyLimit: number | null;
};

/* A queue that the code no longer limits keeps its row; lanes carry the limit, since the claim reads only them. */
const finaliseStatement = `
with target as (
  select d.* from deployments d
  where d.id = $1 and d.environment_id = $2 and d.status <> 'FAILED'
    and exists (
      select from bundles b join environments e on e.project_id = b.project_id
      where e.id = d.environment_id and b.hash = d.bundle_hash)
),
task_rows as (
  insert into tasks (deployment_id, environment_id, slug, file_path, export_name, description, queue_name, retry, machine,
    max_duration_s, ttl_ms, payload_schema)
  select d.id, d.environment_id, t."slug", t."filePath", t."exportName", t."description", t."queueName", t."retry",
    t."machine", t."maxDurationS", t."ttlMs", t."payloadSchema"
  from target d, jsonb_to_recordset($3::jsonb) as t(
    "slug" text, "filePath" text, "exportName" text, "description" text, "queueName" text, "retry" jsonb, "machine" text,
    "maxDurationS" float8, "ttlMs" bigint, "payloadSchema" jsonb)
  on conflict do nothing
),
queue_rows as (
  insert into queues (id, environment_id, name, type, concurrency_limit)
  select q."id", d.environment_id, q."name", q."type", q."concurrencyLimit"
  from target d, jsonb_to_recordset($4::jsonb) as q(
    "id" text, "laneId" text, "name" text, "type" text, "concurrencyLimit" int)
  on conflict (environment_id, name) do update set concurrency_limit = excluded.concurrency_limit
  returning id, environment_id, name, concurrency_limit, paused
),
lane_rows as (
  insert into lanes (id, environment_id, queue_id, concurrency_key, running_max, paused)
  select q."laneId", r.environment_id, r.id, '', r.concurrency_limit, r.paused
  from queue_rows r join jsonb_to_recordset($4::jsonb) as q("laneId" text, "name" text) on q."name" = r.name
  on conflict (queue_id, concurrency_key, limits_key) do update set running_max = excluded.running_max
),
keyed_lanes as (
  update lanes l set running_max = r.concurrency_limit
  from queue_rows r
  where l.queue_id = r.id and l.concurrency_key <> '' and l.running_max is distinct from r.concurrency_limit
),
done as (
  update deployments d set status = 'DEPLOYED', deployed_at = coalesce(d.deployed_at, app_now())
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
  input: { id: string; environmentId: string; tasks: readonly TaskRow[]; queues: readonly QueueRow[] },
): Promise<DeploymentRow | null> =>
  DeploymentRow.nullable().parse(
    await db.call(finaliseStatement, [
      input.id,
      input.environmentId,
      jsonbText(input.tasks),
      jsonbText(input.queues),
    ]),
  );

const promoteStatement = `
with moved as (
  update environments e set current_deployment_id = d.id
  from deployments d
  where d.id = $1 and d.environment_id = $2 and d.status = 'DEPLOYED' and e.id = d.environment_id
  returning d.*
)
select coalesce((select ${deploymentJson("moved")} from moved), 'null'::json)::text`;

/** Makes a deployment the one that new runs take. Errors: null when it is missing or not deployed. */
export const promoteDeployment = async (
  db: Database,
  input: { id: string; environmentId: string },
): Promise<DeploymentRow | null> => {
  const row = DeploymentRow.nullable().parse(
    await db.call(promoteStatement, [input.id, input.environmentId]),
  );
  return row === null ? null : { ...row, isCurrent: true };
};
