import type { PacketType } from "@longshore/shared/contract/packets";
import type { RunState } from "@longshore/shared/contract/run-status";
import type { RelatedRun, Run, RunSummary, WireRunError } from "@longshore/shared/contract/runs";
import type { RunSchedule } from "@longshore/shared/contract/schedules";
import { TaskError } from "@longshore/shared/contract/task-error";
import type { findRun, RunRow, RunScheduleRow, RunSummaryRow } from "../db/queries/read-runs.ts";
import { describeCron } from "../domain/describe-cron.ts";
import { findInfinite } from "../domain/find-infinite.ts";
import { isFinal } from "../domain/transitions.ts";
import { legacyWireStatus, wireStatus } from "../domain/wire-status.ts";
import { wireDate } from "./wire-date.ts";

/** Whether the caller named the API version whose status words it understands. */
export type Vocabulary = "current" | "legacy";

const failedStates: readonly RunState[] = ["failed", "crashed", "system_failure", "expired", "timed_out"];

const optionalDate = <K extends string>(key: K, value: string | null): { [P in K]?: string } =>
  (value === null ? {} : { [key]: wireDate(value) }) as { [P in K]?: string };

const statusOf = (row: RunSummaryRow, vocabulary: Vocabulary) => {
  const seen = { state: row.state as RunState, attempt: row.attempt, releaseCount: row.releaseCount };
  return vocabulary === "current" ? wireStatus(seen) : legacyWireStatus(seen);
};

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const fields = (row: RunSummaryRow) => {
  const state = row.state as RunState;
  const status = wireStatus({ state, attempt: row.attempt, releaseCount: row.releaseCount });
  return {
    id: row.id,
    taskIdentifier: row.taskSlug,
    ...(row.idempotencyKey === null ? {} : { idempotencyKey: row.idempotencyKey }),
    ...(row.version === null ? {} : { version: row.version }),
    isQueued: ["QUEUED", "DELAYED", "PENDING_VERSION"].includes(status),
    isExecuting: ["DEQUEUED", "EXECUTING"].includes(status),
    isWaiting: state === "waiting",
    // A run that timed out or expired is over: a client that polls for the end must see it.
    isCompleted: isFinal(state),
    isSuccess: state === "completed",
    isFailed: failedStates.includes(state),
    isCancelled: state === "canceled",
    isTest: row.isTest,
    createdAt: wireDate(row.createdAt),
    updatedAt: wireDate(row.updatedAt),
    ...optionalDate("startedAt", row.startedAt),
    ...optionalDate("finishedAt", row.finishedAt),
    ...(status === "DELAYED" ? optionalDate("delayedUntil", row.dueAt) : {}),
    ...(row.ttlMs === null ? {} : { ttl: `${Math.round(row.ttlMs / 1_000)}s` }),
    ...(state === "expired" ? optionalDate("expiredAt", row.finishedAt) : {}),
    tags: row.tags,
    costInCents: 0,
    baseCostInCents: 0,
    durationMs: Math.round(row.executedMs),
    ...(isRecord(row.metadata) ? { metadata: row.metadata } : {}),
    taskKind: row.scheduleId === null ? "STANDARD" : "SCHEDULED",
    ...(row.region === null ? {} : { region: row.region }),
    ...(row.labels === null ? {} : { labels: row.labels }),
    depth: row.depth,
  };
};

/** A run as lists show it. */
export const serialiseSummary = (row: RunSummaryRow, vocabulary: Vocabulary): RunSummary => ({
  ...fields(row),
  status: statusOf(row, vocabulary),
});

const originOf = (row: RunSummaryRow) => ({
  // Clients know the names of their own calls alone.
  triggerFunction: (row.triggerFunction === "finaliser"
    ? "trigger"
    : row.triggerFunction) as Run["triggerFunction"],
  ...(row.batchId === null ? {} : { batchId: row.batchId }),
});

const serialiseRelated = (row: RunSummaryRow, vocabulary: Vocabulary): RelatedRun => ({
  ...serialiseSummary(row, vocabulary),
  ...originOf(row),
});

/** An error as callers see it: a message, a name, a stack. */
export const serialiseError = (stored: unknown): WireRunError | null => {
  const parsed = TaskError.safeParse(stored);
  if (!parsed.success) return null;
  const error = parsed.data;
  switch (error.type) {
    case "BUILT_IN_ERROR":
      return { message: error.message, name: error.name, stackTrace: error.stackTrace };
    case "INTERNAL_ERROR":
      return {
        message: error.message ?? error.code,
        name: error.code,
        ...(error.stackTrace === undefined ? {} : { stackTrace: error.stackTrace }),
      };
    default:
      return { message: error.raw };
  }
};

/** What every text has that holds a number which no double can: an exponent, or more digits than any. */
const largeNumber = /\d[eE]\+?\d|\d{309}/;

/**
 * A packet as plain JSON: what superjson adds is left out, as the contract asks. A text that is no JSON, or that an answer
 * could not write again because of a number such as `1e400`, is given as it is.
 */
export const plainPacket = (
  text: string | null,
  type: PacketType | string | null,
): { value: unknown } | null => {
  if (text === null) return null;
  if (type === "text/plain") return { value: text };
  try {
    const parsed: unknown = JSON.parse(text);
    if (largeNumber.test(text) && findInfinite(parsed, "") !== null) return { value: text };
    return { value: type === "application/super+json" && isRecord(parsed) ? parsed.json : parsed };
  } catch {
    return { value: text };
  }
};

type FailedRun = Extract<
  Run,
  {
    error: WireRunError;
    finishedAt: string;
    status: "FAILED" | "TIMED_OUT" | "EXPIRED" | "CRASHED" | "SYSTEM_FAILURE";
  }
>;
type OpenRun = Exclude<Run, FailedRun | { status: "COMPLETED" } | { status: "CANCELED" }>;

const withEnd = (row: RunRow, base: Omit<OpenRun, "status">, vocabulary: Vocabulary): Run => {
  const status = statusOf(row, vocabulary);
  const finishedAt = wireDate(row.finishedAt ?? row.updatedAt);
  if (status === "COMPLETED") {
    const output = row.outputType === "application/store" ? null : plainPacket(row.output, row.outputType);
    return { ...base, status, finishedAt, ...(output === null ? {} : { output: output.value }) };
  }
  const error = serialiseError(row.error);
  if (status === "CANCELED") return { ...base, status, finishedAt, ...(error === null ? {} : { error }) };
  if (isFailedStatus(status))
    return { ...base, status, finishedAt, error: error ?? { message: "Unknown error" } };
  return { ...base, status };
};

const isFailedStatus = (status: string): status is FailedRun["status"] =>
  ["FAILED", "CRASHED", "SYSTEM_FAILURE", "EXPIRED", "TIMED_OUT"].includes(status);

const scheduleOf = (row: RunScheduleRow): RunSchedule => ({
  id: row.id,
  ...(row.externalId === null ? {} : { externalId: row.externalId }),
  ...(row.hasOwnDeduplicationKey ? { deduplicationKey: row.deduplicationKey } : {}),
  generator: { type: "CRON", expression: row.cron, description: describeCron(row.cron) },
});

/** A run in full, with its relatives. Source: the client wire contract, 4.3. */
export const serialiseRun = (
  found: NonNullable<Awaited<ReturnType<typeof findRun>>>,
  vocabulary: Vocabulary,
): Run => {
  const { run } = found;
  const payload = plainPacket(run.payload, run.payloadType);
  const base = {
    ...fields(run),
    ...originOf(run),
    ...(found.schedule === undefined ? {} : { schedule: scheduleOf(found.schedule) }),
    ...(payload === null || run.payloadType === "application/store" ? {} : { payload: payload.value }),
    relatedRuns: {
      ...(found.root === undefined ? {} : { root: serialiseRelated(found.root, vocabulary) }),
      ...(found.parent === undefined ? {} : { parent: serialiseRelated(found.parent, vocabulary) }),
      children: found.children.map((child) => serialiseRelated(child, vocabulary)),
    },
    attemptCount: run.attempt,
  };
  return withEnd(run, base, vocabulary);
};
