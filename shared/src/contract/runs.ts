import { z } from "zod";
import { machineNames } from "./machines.ts";
import { legacyRunStatuses, RunState, RunStatus } from "./run-status.ts";
import { Count, EpochMs, WireTime } from "./scalars.ts";
import { RunSchedule } from "./schedules.ts";

const WireDate = z.iso.datetime();

/** What a list shows of a run. Source: the client wire contract, 4.3. */
const runFields = {
  id: z.string(),
  taskIdentifier: z.string(),
  idempotencyKey: z.string().optional(),
  version: z.string().optional(),
  isQueued: z.boolean(),
  isExecuting: z.boolean(),
  isWaiting: z.boolean(),
  isCompleted: z.boolean(),
  isSuccess: z.boolean(),
  isFailed: z.boolean(),
  isCancelled: z.boolean(),
  isTest: z.boolean(),
  createdAt: WireDate,
  updatedAt: WireDate,
  startedAt: WireDate.optional(),
  finishedAt: WireDate.optional(),
  delayedUntil: WireDate.optional(),
  ttl: z.string().optional(),
  expiredAt: WireDate.optional(),
  tags: z.array(z.string()),
  costInCents: z.number(),
  baseCostInCents: z.number(),
  durationMs: z.number(),
  metadata: z.record(z.string(), z.unknown()).optional(),
  taskKind: z.string().optional(),
  region: z.string().optional(),
  /** What its agent must have, those of its task included. */
  labels: z.record(z.string(), z.string()).optional(),
  depth: z.int(),
};

export const RunSummary = z.object({
  ...runFields,
  status: z.enum(legacyRunStatuses),
  env: z.object({ id: z.string(), name: z.string(), user: z.string().optional() }).optional(),
});
export type RunSummary = z.infer<typeof RunSummary>;

export const WireRunError = z.object({
  message: z.string(),
  name: z.string().optional(),
  stackTrace: z.string().optional(),
});
export type WireRunError = z.infer<typeof WireRunError>;

const originFields = {
  triggerFunction: z.enum(["trigger", "triggerAndWait", "batchTrigger", "batchTriggerAndWait"]),
  batchId: z.string().optional(),
};

/** A relative as a run's answer shows it. Source: the client package's schema; it refuses a relative without its origin. */
export const RelatedRun = z.object({ ...runFields, ...originFields, status: z.enum(legacyRunStatuses) });
export type RelatedRun = z.infer<typeof RelatedRun>;

const detailFields = {
  ...runFields,
  ...originFields,
  payload: z.unknown().optional(),
  payloadPresignedUrl: z.string().optional(),
  schedule: RunSchedule.optional(),
  relatedRuns: z.object({
    root: RelatedRun.optional(),
    parent: RelatedRun.optional(),
    children: z.array(RelatedRun).optional(),
  }),
  attemptCount: z.int(),
};

const openStatuses = ["PENDING_VERSION", "DELAYED", "QUEUED", "DEQUEUED", "EXECUTING", "WAITING"] as const;
const failedStatuses = ["FAILED", "CRASHED", "SYSTEM_FAILURE", "EXPIRED", "TIMED_OUT"] as const;
const legacyOnly = ["WAITING_FOR_DEPLOY", "REATTEMPTING", "FROZEN", "INTERRUPTED"] as const;

/** A run as `GET /api/v3/runs/:id` answers it: what else it carries follows from its status. */
export const Run = z.discriminatedUnion("status", [
  z.object({ ...detailFields, status: z.enum([...openStatuses, ...legacyOnly]) }),
  z.object({
    ...detailFields,
    status: z.literal("COMPLETED"),
    output: z.unknown().optional(),
    outputPresignedUrl: z.string().optional(),
    finishedAt: WireDate,
  }),
  z.object({ ...detailFields, status: z.enum(failedStatuses), error: WireRunError, finishedAt: WireDate }),
  z.object({
    ...detailFields,
    status: z.literal("CANCELED"),
    error: WireRunError.optional(),
    finishedAt: WireDate,
  }),
]);
export type Run = z.infer<typeof Run>;

const commaList = z
  .string()
  .transform((value) => value.split(",").filter((part) => part.length > 0))
  .pipe(z.array(z.string()).max(100));

/** A run's id, as an earlier page named it. */
const Cursor = z.string().regex(/^run_[0-9a-z]{1,64}$/, "is the id of a run, as pagination gave it");

/** Query of `GET /api/v1/runs`. */
export const RunListQuery = z.object({
  "page[size]": z.coerce.number().int().min(1).max(100).default(25),
  "page[after]": Cursor.optional(),
  "page[before]": Cursor.optional(),
  "filter[status]": commaList.pipe(z.array(z.enum(legacyRunStatuses))).optional(),
  "filter[taskIdentifier]": commaList.optional(),
  "filter[version]": commaList.optional(),
  "filter[tag]": commaList.optional(),
  "filter[queue]": commaList.optional(),
  "filter[machine]": commaList.pipe(z.array(z.enum(machineNames))).optional(),
  "filter[region]": commaList.optional(),
  "filter[bulkAction]": commaList.optional(),
  "filter[schedule]": commaList.optional(),
  "filter[batch]": commaList.optional(),
  "filter[error]": commaList.optional(),
  "filter[isTest]": z.enum(["true", "false"]).optional(),
  "filter[createdAt][from]": EpochMs.optional(),
  "filter[createdAt][to]": EpochMs.optional(),
  "filter[createdAt][period]": z.string().optional(),
});
export type RunListQuery = z.infer<typeof RunListQuery>;

/** Query of `GET /api/v1/projects/:ref/runs`. */
export const ProjectRunListQuery = RunListQuery.extend({ "filter[env]": commaList.optional() });

export const Pagination = z.object({ next: z.string().optional(), previous: z.string().optional() });
export const RunList = z.object({ data: z.array(RunSummary), pagination: Pagination });
export type RunList = z.infer<typeof RunList>;

export const RunIdResponse = z.object({ id: z.string() });

/** One line of what happened to a run: a state move, an attempt, a wait. */
export const RunEvent = z.object({
  id: z.string(),
  at: WireDate,
  kind: z.string(),
  from: RunState.nullable(),
  to: RunState.nullable(),
  attempt: z.int().nullable(),
  agentId: z.string().nullable(),
  message: z.string().nullable(),
});
export type RunEvent = z.infer<typeof RunEvent>;

export const RunAttempt = z.object({
  number: z.int(),
  status: z.enum(["leased", "executing", "waiting", "completed", "failed", "canceled", "lost", "released"]),
  agentId: z.string().nullable(),
  agentName: z.string().nullable(),
  leasedAt: WireDate,
  startedAt: WireDate.nullable(),
  finishedAt: WireDate.nullable(),
  error: WireRunError.nullable(),
});
export type RunAttempt = z.infer<typeof RunAttempt>;

export const RunWait = z.object({
  id: z.string(),
  kind: z.enum(["time", "run", "token", "batch"]),
  status: z.enum(["pending", "completed"]),
  runId: z.string().nullable(),
  dueAt: WireDate.nullable(),
  createdAt: WireDate,
  completedAt: WireDate.nullable(),
});
export type RunWait = z.infer<typeof RunWait>;

/** `GET /api/v1/runs/:id/events`: everything the timeline draws, oldest first. */
export const RunTimeline = z.object({
  events: z.array(RunEvent),
  attempts: z.array(RunAttempt),
  waits: z.array(RunWait),
});
export type RunTimeline = z.infer<typeof RunTimeline>;

export const logLevels = ["trace", "debug", "info", "log", "warn", "error"] as const;
export const LogLevel = z.enum(logLevels);
export type LogLevel = z.infer<typeof LogLevel>;

/** One captured line. `stream` says where it came from: the process's own output or the SDK's logger. */
export const LogLine = z.object({
  seq: Count,
  at: WireTime,
  attempt: Count,
  level: LogLevel,
  stream: z.enum(["stdout", "stderr", "logger", "system"]),
  message: z.string(),
  attributes: z.record(z.string(), z.unknown()).optional(),
});
export type LogLine = z.infer<typeof LogLine>;

export const RunLogsQuery = z.object({
  after: z.string().optional(),
  limit: z.coerce.number().int().min(1).max(1000).default(500),
});

/** `GET /api/v1/runs/:id/logs`: oldest first; pass `next` as `after` to go on (it is there even when nothing is new). */
export const RunLogs = z.object({ lines: z.array(LogLine), next: z.string() });
export type RunLogs = z.infer<typeof RunLogs>;

/** Why a run is where it is, in a sentence and in data. */
export const RunExplanation = z.object({
  runId: z.string(),
  status: RunStatus,
  moving: z.boolean(),
  code: z.enum([
    "final",
    "executing",
    "starting",
    "delayed",
    "retry_scheduled",
    "waiting_for_time",
    "waiting_for_run",
    "waiting_for_token",
    "waiting_for_batch",
    "pending_version",
    "environment_paused",
    "environment_limit",
    "queue_paused",
    "queue_limit",
    "limit_paused",
    "concurrency_limit",
    "gate_limit",
    "no_agent_online",
    "no_agent_in_region",
    "no_agent_with_labels",
    "no_agent_large_enough",
    "agents_full",
    "agents_draining",
    "agents_held_back",
    "home_agent_offline",
    "agent_unheard",
    "next",
    "canceling",
  ]),
  sentence: z.string(),
  details: z.record(z.string(), z.unknown()),
});
export type RunExplanation = z.infer<typeof RunExplanation>;
