import { randomBytes } from "node:crypto";
import type { Database } from "@longshore/edge-api/db/database";
import { cancelRuns } from "@longshore/edge-api/db/transitions/cancel-runs";
import type { ClaimRequest } from "@longshore/edge-api/db/transitions/claim-request";
import { createWorkspace } from "@longshore/edge-api/db/transitions/create-workspace";
import {
  createDeployment,
  finaliseDeployment,
  promoteDeployment,
} from "@longshore/edge-api/db/transitions/deployments";
import {
  keysOf,
  type TriggerItem,
  type TriggerOutcome,
  triggerRuns,
} from "@longshore/edge-api/db/transitions/trigger-runs";
import { waitForRun } from "@longshore/edge-api/db/transitions/wait-for-run";
import { openPg } from "@longshore/edge-api/platform/database-pg";
import { openPglite } from "@longshore/edge-api/platform/database-pglite";
import { migrateEmbedded, migratePgPool } from "@longshore/edge-api/platform/migrate";
import { resolveManifest } from "@longshore/edge-api/services/resolve-manifest";
import { BundleManifest } from "@longshore/shared/contract/manifest";
import { newId } from "@longshore/shared/core/ids";
import pg from "pg";

/** A database of a test's own, migrated; the clock stands still until a test moves it. */
export type TestDatabase = {
  db: Database;
  query(text: string, values?: unknown[]): Promise<Record<string, unknown>[]>;
  advance(ms: number): Promise<void>;
  close(): Promise<void>;
};

export const openTestPglite = async (): Promise<TestDatabase> => {
  const { db, pglite, close } = await openPglite(undefined);
  await migrateEmbedded(pglite);
  const query = async (text: string, values: unknown[] = []) =>
    (await pglite.query<Record<string, unknown>>(text, values)).rows;
  return freeze({ db, query, close });
};

/** A new database on the server of `LONGSHORE_TEST_DATABASE_URL`. */
export const openTestPostgres = async (
  serverUrl: string,
  connectionsMax = 8,
): Promise<TestDatabase & { url: string }> => {
  const name = `t_${randomBytes(8).toString("hex")}`;
  const admin = new pg.Client({ connectionString: serverUrl });
  await admin.connect();
  await admin.query(`create database ${name}`);
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  const { db, pool, close } = openPg(url.href, { connectionsMax, onError: () => undefined });
  await migratePgPool(pool);
  const query = async (text: string, values: unknown[] = []) => (await pool.query(text, values)).rows;
  const test = await freeze({
    db,
    query,
    close: async () => {
      await close();
      await admin.query(`drop database ${name} with (force)`);
      await admin.end();
    },
  });
  return { ...test, url: url.href };
};

const serverUrl = process.env.LONGSHORE_TEST_DATABASE_URL;

/** Where the engine's cases run: on a server where there is one, else in this process; HTTP cases run on both. */
export const testDrivers = [
  { name: "PGlite", isAvailable: serverUrl === undefined, open: openTestPglite },
  { name: "Postgres", isAvailable: serverUrl !== undefined, open: () => openTestPostgres(serverUrl ?? "") },
].filter(({ isAvailable }) => isAvailable);

const freeze = async (test: Omit<TestDatabase, "advance">): Promise<TestDatabase> => {
  await test.query("update app_clock set frozen_at = date_trunc('second', now())");
  const advance = async (ms: number) => {
    await test.query("update app_clock set shift = shift + $1 * interval '1 millisecond'", [ms]);
  };
  return { ...test, advance };
};

export type TaskSpec = {
  id: string;
  queue?: { name: string; concurrencyLimit?: number; policy?: string };
  retry?: object;
  labels?: Record<string, string>;
  concurrency?: object;
  schedule?: object;
  finaliser?: string;
};

/** A project with one environment, a deployment with these tasks, and agents. */
export const seed = async (
  test: TestDatabase,
  options: { tasks: TaskSpec[]; limits?: object[]; agents: number; runningMax?: number },
): Promise<{
  environmentId: string;
  poolId: string;
  agentIds: string[];
  deploymentId: string;
  manifest: BundleManifest;
  bundleHash: string;
}> => {
  const { db, query } = test;
  const environmentId = newId("environment");
  const poolId = newId("pool");
  const projectId = newId("project");
  await createWorkspace(db, {
    organizationId: newId("organization"),
    organizationName: `Org ${randomBytes(4).toString("hex")}`,
    projectId,
    projectRef: newId("project"),
    projectName: "Project",
    poolId,
    userId: newId("user"),
    email: `${randomBytes(4).toString("hex")}@example.test`,
    environments: [
      { id: environmentId, slug: "prod", type: "production", runningMax: options.runningMax ?? 1_000 },
    ],
  });
  const hash = randomBytes(32).toString("hex");
  await query("insert into bundles (project_id, hash, size_bytes) values ($1, $2, 1)", [projectId, hash]);
  const deploymentId = newId("deployment");
  const manifest = BundleManifest.parse({
    format: 1,
    entry: "index.mjs",
    runtime: "node",
    runtimeVersion: "20",
    sdkVersion: "0",
    cliVersion: "0",
    tasks: options.tasks.map((task) => ({ ...task, filePath: "a.ts" })),
    limits: options.limits ?? [],
  });
  await createDeployment(db, {
    id: deploymentId,
    environmentId,
    shortCode: "abc",
    bundleHash: hash,
    manifest,
    externalId: null,
  });
  const content = resolveManifest(manifest);
  await finaliseDeployment(db, { id: deploymentId, environmentId, ...content });
  await promoteDeployment(db, { id: deploymentId, environmentId, ...content, schedules: [] });
  const agentIds: string[] = [];
  for (let i = 0; i < options.agents; i++) {
    const id = newId("agent");
    await query(
      "insert into agents (id, pool_id, name, public_key, beat_at) values ($1, $2, $3, 'k', app_now())",
      [id, poolId, `agent-${i}`],
    );
    agentIds.push(id);
  }
  return { environmentId, poolId, agentIds, deploymentId, manifest, bundleHash: hash };
};

/** Cancels one run and what it triggered. */
export const cancelOne = async (db: Database, environmentId: string, runId: string) => {
  const { results, hints } = await cancelRuns(db, { environmentId, runIds: [runId], reason: "asked" });
  return { kind: results[0]?.kind, hints };
};

/**
 * Triggers one run as the service does: by the statement for its keys, or the whole one where it needs a place; a parent is
 * linked to a run that was there before.
 */
export const triggerLinked = async (
  db: Database,
  item: TriggerItem,
): Promise<Omit<TriggerOutcome, "kind"> & { kind: TriggerOutcome["kind"] | "deadlock" }> => {
  const [plain] = await triggerRuns(db, [item], keysOf([item]));
  const [outcome] = plain?.kind === "placed" ? await triggerRuns(db, [item]) : [plain];
  if (outcome === undefined) throw new Error("no outcome");
  if (outcome.kind !== "cached" || !item.resumeParent || item.parentRunId === null) return outcome;
  const { environmentId, waitPointId } = item;
  const link = { environmentId, waitPointId, parentId: item.parentRunId, childId: outcome.runId ?? "" };
  return (await waitForRun(db, link)) === "deadlock" ? { ...outcome, kind: "deadlock" } : outcome;
};

export const triggerItem = (
  environmentId: string,
  task: string,
  over: Partial<TriggerItem> = {},
): TriggerItem => ({
  id: newId("run"),
  environmentId,
  task,
  queue: null,
  concurrencyKey: "",
  laneId: newId("lane"),
  limits: null,
  gates: null,
  gatesKey: null,
  debounceKey: null,
  externalDeploymentId: null,
  payload: "{}",
  payloadType: "application/json",
  delayUntil: null,
  ttlMs: null,
  priority: 0,
  idempotencyKey: null,
  idempotencyExpiresAt: null,
  requestKey: null,
  parentRunId: null,
  resumeParent: false,
  waitPointId: newId("waitPoint"),
  lockVersion: null,
  maxAttempts: null,
  machine: null,
  maxDurationS: null,
  tags: [],
  metadata: null,
  isTest: false,
  triggerFunction: "trigger",
  batchId: null,
  batchIndex: null,
  scheduleId: null,
  bulkActionId: null,
  replayedFromId: null,
  region: null,
  labels: null,
  idempotencyOptions: null,
  ...over,
});

export const claimRequest = (
  agentId: string,
  free: number,
  over: Partial<ClaimRequest> = {},
): ClaimRequest => ({
  agentId,
  bootId: "boot_1",
  free,
  slots: free,
  room: null,
  held: [],
  version: null,
  runtime: null,
  labels: null,
  draining: null,
  ...over,
});
