import type { RunState } from "@longshore/shared/contract/run-status";
import type {
  LogLine,
  Run,
  RunAttempt,
  RunEvent,
  RunExplanation,
  RunSummary,
  RunWait,
  WireRunError,
} from "@longshore/shared/contract/runs";
import { newId } from "@longshore/shared/core/ids";

/** A run as the fake holds it. Times in Unix milliseconds. */
export type FakeRun = {
  id: string;
  task: string;
  state: RunState;
  version: string;
  createdAt: number;
  updatedAt: number;
  startedAt: number | null;
  finishedAt: number | null;
  dueAt: number | null;
  payload: unknown;
  output: unknown;
  error: WireRunError | null;
  tags: string[];
  metadata: Record<string, unknown> | undefined;
  idempotencyKey: string | undefined;
  isTest: boolean;
  parentId: string | null;
  attempts: RunAttempt[];
  waits: RunWait[];
  events: RunEvent[];
  logs: LogLine[];
};

export const iso = (ms: number) => new Date(ms).toISOString();
const failed: readonly RunState[] = ["failed", "crashed", "system_failure", "expired", "timed_out"];
export const isOver = (state: RunState) =>
  failed.includes(state) || ["completed", "canceled"].includes(state);

export const newRun = (
  fields: Pick<FakeRun, "task" | "version" | "createdAt"> & Partial<FakeRun>,
): FakeRun => ({
  id: newId("run", Math.floor(fields.createdAt)),
  state: "queued",
  updatedAt: fields.createdAt,
  startedAt: null,
  finishedAt: null,
  dueAt: null,
  payload: undefined,
  output: undefined,
  error: null,
  tags: [],
  metadata: undefined,
  idempotencyKey: undefined,
  isTest: false,
  parentId: null,
  attempts: [],
  waits: [],
  events: [],
  logs: [],
  ...fields,
  createdAt: Math.floor(fields.createdAt),
});

/** Moves a run and writes its event. */
export const move = (
  run: FakeRun,
  to: RunState,
  atMs: number,
  more: { kind: string; message?: string; agentId?: string },
): void => {
  run.events.push({
    id: `event_${run.events.length + 1}`,
    at: iso(atMs),
    kind: more.kind,
    from: run.events.length === 0 ? null : run.state,
    to,
    attempt: run.attempts.at(-1)?.number ?? null,
    agentId: more.agentId ?? null,
    message: more.message ?? null,
  });
  run.state = to;
  run.updatedAt = atMs;
  if (isOver(to)) run.finishedAt = atMs;
};

export const log = (
  run: FakeRun,
  atMs: number,
  level: LogLine["level"],
  message: string,
  attributes?: Record<string, unknown>,
): void => {
  run.logs.push({
    seq: run.logs.length + 1,
    at: iso(atMs),
    attempt: run.attempts.at(-1)?.number ?? 1,
    level,
    stream: attributes ? "logger" : level === "error" ? "stderr" : "stdout",
    message,
    ...(attributes ? { attributes } : {}),
  });
};

const wireStatus = (run: FakeRun): RunSummary["status"] => {
  if (run.state === "leased") return "DEQUEUED";
  if (run.state === "delayed" && run.attempts.length > 0) return "EXECUTING";
  return run.state.toUpperCase() as RunSummary["status"];
};

export const toSummary = (run: FakeRun): RunSummary => ({
  id: run.id,
  taskIdentifier: run.task,
  version: run.version,
  status: wireStatus(run),
  ...(run.idempotencyKey ? { idempotencyKey: run.idempotencyKey } : {}),
  isQueued: ["queued", "delayed", "pending_version"].includes(run.state),
  isExecuting: ["leased", "executing"].includes(run.state),
  isWaiting: run.state === "waiting",
  isCompleted: isOver(run.state),
  isSuccess: run.state === "completed",
  isFailed: failed.includes(run.state),
  isCancelled: run.state === "canceled",
  isTest: run.isTest,
  createdAt: iso(run.createdAt),
  updatedAt: iso(run.updatedAt),
  ...(run.startedAt === null ? {} : { startedAt: iso(run.startedAt) }),
  ...(run.finishedAt === null ? {} : { finishedAt: iso(run.finishedAt) }),
  ...(run.dueAt === null || run.attempts.length > 0 ? {} : { delayedUntil: iso(run.dueAt) }),
  tags: run.tags,
  costInCents: 0,
  baseCostInCents: 0,
  durationMs: run.startedAt === null ? 0 : (run.finishedAt ?? run.updatedAt) - run.startedAt,
  ...(run.metadata ? { metadata: run.metadata } : {}),
  taskKind: "STANDARD",
  depth: run.parentId === null ? 0 : 1,
});

export const toDetail = (run: FakeRun, all: readonly FakeRun[]): Run => {
  const parent = all.find((other) => other.id === run.parentId);
  const summary = toSummary(run);
  return {
    ...summary,
    triggerFunction: parent ? "triggerAndWait" : "trigger",
    payload: run.payload,
    ...(run.state === "completed" ? { output: run.output } : {}),
    ...(run.error ? { error: run.error } : {}),
    relatedRuns: {
      ...(parent ? { parent: toSummary(parent), root: toSummary(parent) } : {}),
      children: all.filter((other) => other.parentId === run.id).map(toSummary),
    },
    attemptCount: run.attempts.length,
  } as Run;
};

type Why = Pick<RunExplanation, "code" | "sentence">;

const whyOf = (run: FakeRun): Why => {
  if (isOver(run.state)) return { code: "final", sentence: "The run is over." };
  switch (run.state) {
    case "executing":
      return { code: "executing", sentence: "The run is executing on fra-build-1." };
    case "leased":
      return { code: "starting", sentence: "fra-build-1 has the run and is starting its container." };
    case "delayed":
      return run.attempts.length > 0
        ? { code: "retry_scheduled", sentence: `Attempt ${run.attempts.length + 1} starts in a moment.` }
        : {
            code: "delayed",
            sentence: `The run was triggered with a delay and is due at ${iso(run.dueAt ?? 0)}.`,
          };
    case "waiting":
      return {
        code: "waiting_for_time",
        sentence: "The run waits for a time that it chose. It holds no slot.",
      };
    case "pending_version":
      return {
        code: "pending_version",
        sentence: `No deployment has the task "${run.task}" yet. Deploy it and the run goes on.`,
      };
    default:
      return run.task === "sync-crm-contacts"
        ? {
            code: "queue_limit",
            sentence: 'The queue "crm" runs 1 at a time, and 1 is running. 6 runs are ahead of this one.',
          }
        : { code: "next", sentence: "The run is next: an agent takes it with its next poll." };
  }
};

export const toExplanation = (run: FakeRun): RunExplanation => ({
  runId: run.id,
  status: run.state === "leased" ? "DEQUEUED" : (run.state.toUpperCase() as RunExplanation["status"]),
  moving: ["executing", "leased"].includes(run.state),
  details: run.task === "sync-crm-contacts" ? { queue: "crm", limit: 1, running: 1, ahead: 6 } : {},
  ...whyOf(run),
});
