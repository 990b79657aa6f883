import { runStates } from "@longshore/shared/contract/run-status";
import { sql } from "drizzle-orm";
import type { AnyPgColumn } from "drizzle-orm/pg-core";
import {
  bigint,
  boolean,
  check,
  doublePrecision,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  text,
  timestamp,
  uniqueIndex,
} from "drizzle-orm/pg-core";

/*
 * Ids are text that sorts by time (core/ids.ts). Tables under "hot" are narrow and hold live work only; `runs` is the
 * record and could be partitioned by ranges of its id. No foreign keys between hot tables and the record: their rows are
 * written by the same statement, and a key would add a shared lock to every trigger.
 */

const at = (name: string) => timestamp(name, { withTimezone: true, mode: "string" });
const createdAt = () => at("created_at").notNull().default(sql`app_now()`);
const oneOf = (column: AnyPgColumn, values: readonly string[]) =>
  sql`${column} in (${sql.raw(values.map((value) => `'${value}'`).join(", "))})`;

// ── People and places ───────────────────────────────────────────────────────────────────────────────────────────────

export const organizations = pgTable("organizations", {
  id: text("id").primaryKey(),
  slug: text("slug").notNull().unique(),
  name: text("name").notNull(),
  createdAt: createdAt(),
});

export const users = pgTable("users", {
  id: text("id").primaryKey(),
  email: text("email").notNull().unique(),
  name: text("name"),
  createdAt: createdAt(),
});

export const members = pgTable(
  "members",
  {
    organizationId: text("organization_id")
      .notNull()
      .references(() => organizations.id),
    userId: text("user_id")
      .notNull()
      .references(() => users.id),
    role: text("role").notNull(),
    createdAt: createdAt(),
  },
  (t) => [
    primaryKey({ columns: [t.organizationId, t.userId] }),
    check("members_role", oneOf(t.role, ["owner", "admin", "developer", "viewer"])),
  ],
);

export const projects = pgTable("projects", {
  id: text("id").primaryKey(),
  organizationId: text("organization_id")
    .notNull()
    .references(() => organizations.id),
  ref: text("ref").notNull().unique(),
  slug: text("slug").notNull(),
  name: text("name").notNull(),
  createdAt: createdAt(),
});

export const pools = pgTable("pools", {
  id: text("id").primaryKey(),
  organizationId: text("organization_id")
    .notNull()
    .references(() => organizations.id),
  name: text("name").notNull(),
  createdAt: createdAt(),
});

export const environments = pgTable(
  "environments",
  {
    id: text("id").primaryKey(),
    projectId: text("project_id")
      .notNull()
      .references(() => projects.id),
    poolId: text("pool_id")
      .notNull()
      .references(() => pools.id),
    slug: text("slug").notNull(),
    type: text("type").notNull(),
    parentEnvironmentId: text("parent_environment_id"),
    branchName: text("branch_name"),
    currentDeploymentId: text("current_deployment_id"),
    createdAt: createdAt(),
  },
  (t) => [
    uniqueIndex("environments_slug").on(t.projectId, t.slug, sql`coalesce(${t.branchName}, '')`),
    check("environments_type", oneOf(t.type, ["development", "staging", "production", "preview"])),
  ],
);

// ── Credentials: hashes only ────────────────────────────────────────────────────────────────────────────────────────

export const apiKeys = pgTable("api_keys", {
  id: text("id").primaryKey(),
  environmentId: text("environment_id")
    .notNull()
    .references(() => environments.id),
  name: text("name").notNull(),
  keyHash: text("key_hash").notNull().unique(),
  hint: text("hint").notNull(),
  scopes: text("scopes").array(),
  expiresAt: at("expires_at"),
  revokedAt: at("revoked_at"),
  createdAt: createdAt(),
});

export const signInTokens = pgTable("sign_in_tokens", {
  tokenHash: text("token_hash").primaryKey(),
  userId: text("user_id")
    .notNull()
    .references(() => users.id),
  expiresAt: at("expires_at").notNull(),
  createdAt: createdAt(),
});

export const sessions = pgTable("sessions", {
  tokenHash: text("token_hash").primaryKey(),
  userId: text("user_id")
    .notNull()
    .references(() => users.id),
  expiresAt: at("expires_at").notNull(),
  createdAt: createdAt(),
});

export const enrolTokens = pgTable("enrol_tokens", {
  tokenHash: text("token_hash").primaryKey(),
  poolId: text("pool_id")
    .notNull()
    .references(() => pools.id),
  usesLeft: integer("uses_left").notNull().default(1),
  expiresAt: at("expires_at").notNull(),
  createdAt: createdAt(),
});

// ── Agents: one row each, and the row is the heartbeat (hot) ────────────────────────────────────────────────────────

export const agents = pgTable(
  "agents",
  {
    id: text("id").primaryKey(),
    poolId: text("pool_id")
      .notNull()
      .references(() => pools.id),
    name: text("name").notNull(),
    publicKey: text("public_key").notNull(),
    version: text("version").notNull().default(""),
    runtime: text("runtime").notNull().default(""),
    labels: jsonb("labels").notNull().default({}),
    slots: integer("slots").notNull().default(0),
    bootId: text("boot_id").notNull().default(""),
    draining: boolean("draining").notNull().default(false),
    beatAt: at("beat_at"),
    revokedAt: at("revoked_at"),
    enrolledAt: at("enrolled_at").notNull().default(sql`app_now()`),
  },
  (t) => [index("agents_pool").on(t.poolId)],
);

// ── Code ────────────────────────────────────────────────────────────────────────────────────────────────────────────

export const bundles = pgTable(
  "bundles",
  {
    projectId: text("project_id")
      .notNull()
      .references(() => projects.id),
    hash: text("hash").notNull(),
    sizeBytes: bigint("size_bytes", { mode: "number" }).notNull(),
    createdAt: createdAt(),
  },
  (t) => [primaryKey({ columns: [t.projectId, t.hash] })],
);

export const deployments = pgTable(
  "deployments",
  {
    id: text("id").primaryKey(),
    environmentId: text("environment_id")
      .notNull()
      .references(() => environments.id),
    version: text("version").notNull(),
    shortCode: text("short_code").notNull(),
    status: text("status").notNull(),
    bundleHash: text("bundle_hash").notNull(),
    manifest: jsonb("manifest").notNull(),
    externalId: text("external_id"),
    deployedAt: at("deployed_at"),
    createdAt: createdAt(),
  },
  (t) => [
    uniqueIndex("deployments_version").on(t.environmentId, t.version),
    check("deployments_status", oneOf(t.status, ["PENDING", "DEPLOYED", "FAILED"])),
  ],
);

export const tasks = pgTable(
  "tasks",
  {
    deploymentId: text("deployment_id")
      .notNull()
      .references(() => deployments.id),
    slug: text("slug").notNull(),
    environmentId: text("environment_id").notNull(),
    filePath: text("file_path").notNull(),
    exportName: text("export_name"),
    description: text("description"),
    queueName: text("queue_name").notNull(),
    retry: jsonb("retry").notNull(),
    machine: text("machine").notNull(),
    maxDurationS: doublePrecision("max_duration_s"),
    ttlMs: bigint("ttl_ms", { mode: "number" }),
    payloadSchema: jsonb("payload_schema"),
  },
  (t) => [primaryKey({ columns: [t.deploymentId, t.slug] })],
);

export const queues = pgTable(
  "queues",
  {
    id: text("id").primaryKey(),
    environmentId: text("environment_id")
      .notNull()
      .references(() => environments.id),
    name: text("name").notNull(),
    type: text("type").notNull(),
    concurrencyLimit: integer("concurrency_limit"),
    paused: boolean("paused").notNull().default(false),
    createdAt: createdAt(),
  },
  (t) => [
    uniqueIndex("queues_name").on(t.environmentId, t.name),
    check("queues_type", oneOf(t.type, ["task", "custom"])),
  ],
);

// ── Hot: what the claim reads ───────────────────────────────────────────────────────────────────────────────────────

/** Slots of an environment: runs that hold a lease, and how many may. */
export const environmentSlots = pgTable(
  "environment_slots",
  {
    environmentId: text("environment_id").primaryKey(),
    poolId: text("pool_id").notNull(),
    running: integer("running").notNull().default(0),
    runningMax: integer("running_max").notNull(),
    paused: boolean("paused").notNull().default(false),
    turnAt: at("turn_at").notNull().default(sql`app_now()`),
  },
  (t) => [
    index("environment_slots_pool").on(t.poolId),
    check("environment_slots_running", sql`${t.running} >= 0`),
  ],
);

/** A lane: (environment, queue, concurrency key) with its maintained counts. */
export const lanes = pgTable(
  "lanes",
  {
    id: text("id").primaryKey(),
    environmentId: text("environment_id").notNull(),
    queueId: text("queue_id").notNull(),
    concurrencyKey: text("concurrency_key").notNull().default(""),
    running: integer("running").notNull().default(0),
    runningMax: integer("running_max"),
    paused: boolean("paused").notNull().default(false),
    hasWork: boolean("has_work").notNull().default(false),
    turnAt: at("turn_at").notNull().default(sql`app_now()`),
  },
  (t) => [
    uniqueIndex("lanes_key").on(t.queueId, t.concurrencyKey),
    index("lanes_open")
      .on(t.environmentId, t.turnAt)
      .where(sql`has_work and not paused and (running_max is null or running < running_max)`),
    index("lanes_idle").on(t.turnAt).where(sql`not has_work`),
    check("lanes_running", sql`${t.running} >= 0`),
  ],
);

/** A run that could be claimed now if its lane and environment have room. Ordered by when it was queued, less its priority. */
export const queueEntries = pgTable(
  "queue_entries",
  {
    runId: text("run_id").primaryKey(),
    laneId: text("lane_id").notNull(),
    environmentId: text("environment_id").notNull(),
    positionAt: at("position_at").notNull(),
    /** Set for a continuation: only this agent has the process. */
    agentId: text("agent_id"),
  },
  (t) => [
    index("queue_entries_lane").on(t.laneId, t.positionAt, t.runId).where(sql`agent_id is null`),
    index("queue_entries_agent").on(t.agentId, t.positionAt).where(sql`agent_id is not null`),
  ],
);

/** An agent's right to execute a run: a slot is taken exactly while this row exists. */
export const leases = pgTable(
  "leases",
  {
    runId: text("run_id").primaryKey(),
    agentId: text("agent_id").notNull(),
    epoch: integer("epoch").notNull(),
    environmentId: text("environment_id").notNull(),
    laneId: text("lane_id").notNull(),
    phase: text("phase").notNull(),
    isContinuation: boolean("is_continuation").notNull().default(false),
    /** Whether the agent has shown that it knows of this lease; until then every answer repeats it. */
    acked: boolean("acked").notNull().default(false),
    cancelRequested: boolean("cancel_requested").notNull().default(false),
    leasedAt: at("leased_at").notNull(),
  },
  (t) => [
    index("leases_agent").on(t.agentId),
    index("leases_unstarted").on(t.leasedAt).where(sql`phase = 'leased'`),
    check("leases_phase", oneOf(t.phase, ["leased", "executing"])),
  ],
);

// ── The record ──────────────────────────────────────────────────────────────────────────────────────────────────────

export const runs = pgTable(
  "runs",
  {
    id: text("id").primaryKey(),
    environmentId: text("environment_id").notNull(),
    taskSlug: text("task_slug").notNull(),
    state: text("state").notNull(),
    leaseEpoch: integer("lease_epoch").notNull().default(0),
    /** Attempts started so far. */
    attempt: integer("attempt").notNull().default(0),
    /** Times an agent gave it back unstarted. */
    releaseCount: integer("release_count").notNull().default(0),
    /** Wait points still open while it waits. */
    waitsOpen: integer("waits_open").notNull().default(0),
    deploymentId: text("deployment_id"),
    queueId: text("queue_id").notNull(),
    laneId: text("lane_id").notNull(),
    homeAgentId: text("home_agent_id"),
    /** Set only while waiting, or queued to continue: the agent that keeps the process. */
    waitingAgentId: text("waiting_agent_id"),
    payload: text("payload"),
    payloadType: text("payload_type").notNull(),
    output: text("output"),
    outputType: text("output_type"),
    error: jsonb("error"),
    retry: jsonb("retry").notNull(),
    machine: text("machine").notNull(),
    maxDurationS: doublePrecision("max_duration_s"),
    ttlMs: bigint("ttl_ms", { mode: "number" }),
    priority: doublePrecision("priority").notNull().default(0),
    tags: text("tags").array().notNull().default(sql`'{}'`),
    metadata: jsonb("metadata"),
    isTest: boolean("is_test").notNull().default(false),
    idempotencyKey: text("idempotency_key"),
    triggerFunction: text("trigger_function").notNull().default("trigger"),
    parentRunId: text("parent_run_id"),
    rootRunId: text("root_run_id"),
    batchId: text("batch_id"),
    depth: integer("depth").notNull().default(0),
    executedMs: doublePrecision("executed_ms").notNull().default(0),
    /** Why it went where it is, when a person should know (an agent's reason for giving it back). */
    reason: text("reason"),
    cancelRequestedAt: at("cancel_requested_at"),
    /** Set only while delayed. */
    dueAt: at("due_at"),
    /** Set only while queued and never started. */
    expiresAt: at("expires_at"),
    createdAt: createdAt(),
    updatedAt: at("updated_at").notNull().default(sql`app_now()`),
    queuedAt: at("queued_at"),
    startedAt: at("started_at"),
    finishedAt: at("finished_at"),
  },
  (t) => [
    index("runs_environment").on(t.environmentId, t.id),
    index("runs_task").on(t.environmentId, t.taskSlug, t.id),
    index("runs_due").on(t.dueAt).where(sql`due_at is not null`),
    index("runs_expiring").on(t.expiresAt).where(sql`expires_at is not null`),
    index("runs_waiting_agent").on(t.waitingAgentId).where(sql`waiting_agent_id is not null`),
    index("runs_parent").on(t.parentRunId).where(sql`parent_run_id is not null`),
    check("runs_state", oneOf(t.state, runStates)),
    check("runs_due_while_delayed", sql`(${t.state} = 'delayed') = (${t.dueAt} is not null)`),
    check("runs_expiry_while_queued", sql`${t.expiresAt} is null or ${t.state} = 'queued'`),
    check("runs_waits_while_waiting", sql`${t.waitsOpen} = 0 or ${t.state} = 'waiting'`),
    check(
      "runs_finished",
      sql`(${t.finishedAt} is not null) = (${t.state} in ('completed', 'failed', 'canceled', 'crashed', 'system_failure', 'expired', 'timed_out'))`,
    ),
    check(
      "runs_attempt_before_work",
      sql`${t.attempt} > 0 or ${t.state} not in ('executing', 'waiting', 'completed')`,
    ),
  ],
);

export const attempts = pgTable(
  "attempts",
  {
    runId: text("run_id").notNull(),
    number: integer("number").notNull(),
    status: text("status").notNull(),
    agentId: text("agent_id"),
    deploymentId: text("deployment_id"),
    leasedAt: at("leased_at").notNull(),
    startedAt: at("started_at").notNull(),
    finishedAt: at("finished_at"),
    executedMs: doublePrecision("executed_ms"),
    error: jsonb("error"),
  },
  (t) => [
    primaryKey({ columns: [t.runId, t.number] }),
    check("attempts_status", oneOf(t.status, ["executing", "completed", "failed", "canceled", "lost"])),
  ],
);

export const waitPoints = pgTable(
  "wait_points",
  {
    id: text("id").primaryKey(),
    environmentId: text("environment_id").notNull(),
    kind: text("kind").notNull(),
    status: text("status").notNull(),
    /** Set only while pending. */
    dueAt: at("due_at"),
    childRunId: text("child_run_id"),
    output: text("output"),
    outputType: text("output_type"),
    error: jsonb("error"),
    idempotencyKey: text("idempotency_key"),
    idempotencyExpiresAt: at("idempotency_expires_at"),
    tags: text("tags").array().notNull().default(sql`'{}'`),
    createdAt: createdAt(),
    completedAt: at("completed_at"),
  },
  (t) => [
    index("wait_points_due").on(t.dueAt).where(sql`due_at is not null`),
    index("wait_points_child").on(t.childRunId).where(sql`child_run_id is not null`),
    check("wait_points_kind", oneOf(t.kind, ["time", "run", "token", "batch"])),
    check("wait_points_status", oneOf(t.status, ["pending", "completed"])),
    check("wait_points_due_while_pending", sql`${t.dueAt} is null or ${t.status} = 'pending'`),
  ],
);

/** Which runs wait for which points. `taken_epoch` is the lease under which the run received the result. */
export const runWaits = pgTable(
  "run_waits",
  {
    runId: text("run_id").notNull(),
    waitPointId: text("wait_point_id").notNull(),
    isActive: boolean("is_active").notNull().default(false),
    takenEpoch: integer("taken_epoch"),
    position: integer("position").notNull().default(0),
  },
  (t) => [primaryKey({ columns: [t.runId, t.waitPointId] }), index("run_waits_point").on(t.waitPointId)],
);

export const runEvents = pgTable(
  "run_events",
  {
    id: bigint("id", { mode: "number" }).primaryKey().generatedAlwaysAsIdentity(),
    runId: text("run_id").notNull(),
    at: at("at").notNull(),
    kind: text("kind").notNull(),
    fromState: text("from_state"),
    toState: text("to_state"),
    attempt: integer("attempt"),
    agentId: text("agent_id"),
    message: text("message"),
  },
  (t) => [index("run_events_run").on(t.runId, t.id)],
);

export const runLogs = pgTable(
  "run_logs",
  {
    runId: text("run_id").notNull(),
    attempt: integer("attempt").notNull(),
    seq: integer("seq").notNull(),
    at: at("at").notNull(),
    level: text("level").notNull(),
    stream: text("stream").notNull(),
    message: text("message").notNull(),
    attributes: jsonb("attributes"),
  },
  (t) => [primaryKey({ columns: [t.runId, t.attempt, t.seq] })],
);

export const idempotencyKeys = pgTable(
  "idempotency_keys",
  {
    environmentId: text("environment_id").notNull(),
    taskSlug: text("task_slug").notNull(),
    key: text("key").notNull(),
    runId: text("run_id").notNull(),
    expiresAt: at("expires_at").notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.environmentId, t.taskSlug, t.key] }),
    index("idempotency_keys_expiry").on(t.expiresAt),
  ],
);
