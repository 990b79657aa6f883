import { runStates } from "@longshore/shared/contract/run-status";
import type { RunLabels } from "@longshore/shared/contract/trigger";
import { sql } from "drizzle-orm";
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
} from "drizzle-orm/pg-core";
import { at, createdAt, oneOf } from "./columns.ts";

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
    /** Null only before a deployment that has its task. */
    queueId: text("queue_id"),
    laneId: text("lane_id"),
    concurrencyKey: text("concurrency_key").notNull().default(""),
    /** As the trigger named them; null = those of the task. */
    requestedQueue: text("requested_queue"),
    limitNames: text("limit_names").array(),
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
    /** Raised by each change: a writer names the one it read. */
    metadataVersion: integer("metadata_version").notNull().default(0),
    isTest: boolean("is_test").notNull().default(false),
    idempotencyKey: text("idempotency_key"),
    /** Shape: {key, scope}, as the caller made the key. */
    idempotencyOptions: jsonb("idempotency_options"),
    triggerFunction: text("trigger_function").notNull().default("trigger"),
    parentRunId: text("parent_run_id"),
    rootRunId: text("root_run_id"),
    batchId: text("batch_id"),
    batchIndex: integer("batch_index"),
    externalDeploymentId: text("external_deployment_id"),
    region: text("region"),
    /** What its agent must have beside the region: as the trigger asked, and once its task is known with the task's own. */
    labels: jsonb("labels").$type<RunLabels>(),
    scheduleId: text("schedule_id"),
    bulkActionId: text("bulk_action_id"),
    replayedFromId: text("replayed_from_id"),
    debounceKey: text("debounce_key"),
    /** When the caller wished it to start, kept after it did. */
    delayUntil: at("delay_until"),
    /** Named queues whose slots it also takes. Shape: [{queue, concurrencyKey}]. */
    gates: jsonb("gates"),
    gatesKey: text("gates_key"),
    depth: integer("depth").notNull().default(0),
    executedMs: doublePrecision("executed_ms").notNull().default(0),
    /** Why it went where it is, when a person should know (an agent's reason for giving it back). */
    reason: text("reason"),
    cancelRequestedAt: at("cancel_requested_at"),
    /** What kind of error ended it: the same text for the same fault. */
    errorFingerprint: text("error_fingerprint"),
    /** Set only while delayed. */
    dueAt: at("due_at"),
    /** Set only while queued and never started. */
    expiresAt: at("expires_at"),
    createdAt: createdAt(),
    updatedAt: at("updated_at").notNull().default(sql`app_now()`),
    queuedAt: at("queued_at"),
    startedAt: at("started_at"),
    finishedAt: at("finished_at"),
    /**
     * The state as lists are indexed by it: one value from the queue to the end of the attempt, and no deployment while
     * a lease holds it, so that neither claim nor start touches an index (they update in place).
     */
    listedAs: text("listed_as").generatedAlwaysAs(
      sql`case when state in ('queued', 'leased', 'executing') then 'live' else state end`,
    ),
    listedDeploymentId: text("listed_deployment_id").generatedAlwaysAs(
      sql`case when state not in ('leased', 'executing') then deployment_id end`,
    ),
  },
  (t) => [
    index("runs_environment").on(t.environmentId, t.id),
    // What a list filters by, each in the order of its pages, so that no value is too common, too rare or too old for it.
    index("runs_task_listed").on(t.environmentId, t.taskSlug, t.listedAs, t.id),
    index("runs_queue_listed").on(t.queueId, t.listedAs, t.id).where(sql`queue_id is not null`),
    index("runs_listed_machine").on(t.environmentId, t.listedAs, t.machine, t.isTest, t.id),
    index("runs_deployment").on(t.listedDeploymentId, t.id).where(sql`listed_deployment_id is not null`),
    index("runs_region").on(t.environmentId, t.region, t.id).where(sql`region is not null`),
    index("runs_due").on(t.dueAt).where(sql`due_at is not null`),
    index("runs_expiring").on(t.expiresAt).where(sql`expires_at is not null`),
    index("runs_waiting_agent").on(t.waitingAgentId).where(sql`waiting_agent_id is not null`),
    index("runs_pending").on(t.environmentId, t.id).where(sql`lane_id is null and finished_at is null`),
    index("runs_parent").on(t.parentRunId).where(sql`parent_run_id is not null`),
    // Each holds only runs that have the column set: other triggers pay nothing for them.
    index("runs_schedule").on(t.scheduleId, t.id).where(sql`schedule_id is not null`),
    index("runs_bulk_action").on(t.bulkActionId, t.id).where(sql`bulk_action_id is not null`),
    index("runs_error")
      .on(t.environmentId, t.errorFingerprint, t.id)
      .where(sql`error_fingerprint is not null`),
    check("runs_state", oneOf(t.state, runStates)),
    // An item of a batch that could not be triggered is a run that failed before it had a lane.
    check(
      "runs_lane",
      sql`${t.laneId} is not null or ${t.state} in ('pending_version', 'canceled') or (${t.state} = 'system_failure' and ${t.attempt} = 0)`,
    ),
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

/** Ends that a finaliser run is still to be made for: a row from the end of the run until then. */
export const dueFinalisers = pgTable(
  "due_finalisers",
  {
    runId: text("run_id").primaryKey(),
    environmentId: text("environment_id").notNull(),
    /** The hidden task of the run's own. */
    taskSlug: text("task_slug").notNull(),
    /** Later than the end only after something stood in the way. */
    dueAt: at("due_at").notNull(),
    createdAt: createdAt(),
  },
  (t) => [index("due_finalisers_due").on(t.dueAt)],
);

/** The tags of runs once more, each in the order of a list's pages. */
export const runTags = pgTable(
  "run_tags",
  {
    environmentId: text("environment_id").notNull(),
    tag: text("tag").notNull(),
    runId: text("run_id").notNull(),
  },
  (t) => [primaryKey({ columns: [t.environmentId, t.tag, t.runId] })],
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
    batchId: text("batch_id"),
    /** When a token gives up, kept after it did. */
    timeoutAt: at("timeout_at"),
    tags: text("tags").array().notNull().default(sql`'{}'`),
    createdAt: createdAt(),
    completedAt: at("completed_at"),
  },
  (t) => [
    index("wait_points_due").on(t.dueAt).where(sql`due_at is not null`),
    index("wait_points_tokens").on(t.environmentId, t.id).where(sql`kind = 'token'`),
    index("wait_points_batch").on(t.batchId).where(sql`batch_id is not null`),
    // What the sweep looks through: points that are over stay as history.
    index("wait_points_open_child")
      .on(t.childRunId)
      .where(sql`child_run_id is not null and status = 'pending'`),
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
    id: bigint("id", { mode: "number" }).notNull().generatedAlwaysAsIdentity(),
    runId: text("run_id").notNull(),
    at: at("at").notNull(),
    kind: text("kind").notNull(),
    fromState: text("from_state"),
    toState: text("to_state"),
    attempt: integer("attempt"),
    agentId: text("agent_id"),
    message: text("message"),
  },
  (t) => [primaryKey({ columns: [t.runId, t.id] })],
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
