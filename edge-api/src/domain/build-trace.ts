import type { RunState } from "@longshore/shared/contract/run-status";
import { spanIdOf } from "./span-id.ts";

export type TracedRun = {
  id: string;
  parentRunId: string | null;
  taskSlug: string;
  state: RunState;
  createdAt: string;
  finishedAt: string | null;
};
export type TracedAttempt = {
  runId: string;
  number: number;
  status: "executing" | "completed" | "failed" | "canceled" | "lost";
  startedAt: string;
  finishedAt: string | null;
};
export type TracedWait = {
  id: string;
  runId: string;
  kind: "time" | "run" | "token" | "batch";
  childRunId: string | null;
  createdAt: string;
  completedAt: string | null;
};

/** A stretch of time in a run's life. Units: Unix milliseconds; `endMs` null while it goes on. */
export type Span = {
  id: string;
  parentId: string | null;
  runId: string;
  kind: "run" | "attempt" | "wait";
  message: string;
  startMs: number;
  endMs: number | null;
  isError: boolean;
  isCancelled: boolean;
  attemptNumber: number | null;
};

const failedStates: readonly RunState[] = ["failed", "crashed", "system_failure", "timed_out", "expired"];

const endOf = (at: string | null): number | null => (at === null ? null : Date.parse(at));

const waitMessage = ({ kind, childRunId }: TracedWait): string => {
  if (kind === "run") return `Wait for ${childRunId ?? "a run"}`;
  return kind === "time" ? "Wait" : `Wait for a ${kind}`;
};

const attemptSpan = (attempt: TracedAttempt): Span => ({
  id: spanIdOf(attempt.runId, "attempt", String(attempt.number)),
  parentId: spanIdOf(attempt.runId, "run", ""),
  runId: attempt.runId,
  kind: "attempt",
  message: `Attempt ${attempt.number}`,
  startMs: Date.parse(attempt.startedAt),
  endMs: endOf(attempt.finishedAt),
  isError: attempt.status === "failed" || attempt.status === "lost",
  isCancelled: attempt.status === "canceled",
  attemptNumber: attempt.number,
});

/**
 * The spans of a run and of all that it triggered: one for each run, attempt and wait, by the time they began. What
 * happened during an attempt hangs under it; ids follow from what a span is of, so that pages and calls agree.
 */
export const buildTrace = (rows: {
  rootRunId: string;
  runs: readonly TracedRun[];
  attempts: readonly TracedAttempt[];
  waits: readonly TracedWait[];
}): Span[] => {
  const attemptsOf = new Map<string, Span[]>();
  const attempts = rows.attempts.map(attemptSpan);
  for (const span of attempts) attemptsOf.set(span.runId, [...(attemptsOf.get(span.runId) ?? []), span]);
  const during = (runId: string, atMs: number): Span | undefined =>
    attemptsOf.get(runId)?.findLast((span) => span.startMs <= atMs);
  const known = new Set(rows.runs.map(({ id }) => id));

  const runs = rows.runs.map((run): Span => {
    const startMs = Date.parse(run.createdAt);
    const parent = run.id === rows.rootRunId ? null : run.parentRunId;
    return {
      id: spanIdOf(run.id, "run", ""),
      parentId:
        parent === null || !known.has(parent)
          ? null
          : (during(parent, startMs)?.id ?? spanIdOf(parent, "run", "")),
      runId: run.id,
      kind: "run",
      message: run.taskSlug,
      startMs,
      endMs: endOf(run.finishedAt),
      isError: failedStates.includes(run.state),
      isCancelled: run.state === "canceled",
      attemptNumber: null,
    };
  });
  const waits = rows.waits.map((wait): Span => {
    const startMs = Date.parse(wait.createdAt);
    const attempt = during(wait.runId, startMs);
    return {
      id: spanIdOf(wait.runId, "wait", wait.id),
      parentId: attempt?.id ?? spanIdOf(wait.runId, "run", ""),
      runId: wait.runId,
      kind: "wait",
      message: waitMessage(wait),
      startMs,
      endMs: endOf(wait.completedAt),
      isError: false,
      isCancelled: false,
      attemptNumber: attempt?.attemptNumber ?? null,
    };
  });
  return [...runs, ...attempts, ...waits].sort(byStart);
};

/** The order of pages: when they began, then their ids. */
export const byStart = (a: Pick<Span, "startMs" | "id">, b: Pick<Span, "startMs" | "id">): number =>
  a.startMs - b.startMs || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);
