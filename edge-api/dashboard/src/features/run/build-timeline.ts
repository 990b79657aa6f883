import type { RunAttempt, RunTimeline, RunWait } from "@longshore/shared/contract/runs";
import { isFinalStatus, type RunTimes } from "../../lib/run-status.ts";

export type SpanKind = "delay" | "queue" | "start" | "execute" | "wait" | "pause";

/** A stretch of time on a row; `open` while it still goes on. Units: Unix milliseconds. */
export type Span = { kind: SpanKind; from: number; to: number; open: boolean };

/** One row of the chart. */
export type TimelineRow = {
  key: string;
  label: string;
  note: string | null;
  /** How the row's main stretch ended, where that is worth a colour. */
  result: "good" | "bad" | "quiet" | null;
  nested: boolean;
  spans: Span[];
};

export type Chart = { from: number; to: number; rows: TimelineRow[] };

const at = (date: string): number => Date.parse(date);
const waitLabels: Record<RunWait["kind"], string> = {
  time: "Wait for time",
  run: "Wait for run",
  token: "Wait for token",
  batch: "Wait for batch",
};
const results: Partial<Record<RunAttempt["status"], TimelineRow["result"]>> = {
  completed: "good",
  failed: "bad",
  lost: "bad",
  canceled: "quiet",
  released: "quiet",
};

const row = (key: string, label: string, spans: Span[], more: Partial<TimelineRow> = {}): TimelineRow => ({
  key,
  label,
  note: null,
  result: null,
  nested: false,
  ...more,
  spans: spans.filter(({ from, to }) => to >= from),
});

const rowsBefore = (run: RunTimes, firstLeaseAt: number | null, endMs: number): TimelineRow[] => {
  const createdMs = run.createdAt.getTime();
  const until = firstLeaseAt ?? endMs;
  const open = firstLeaseAt === null && !isFinalStatus(run.status);
  const dueMs = Math.min(run.delayedUntil?.getTime() ?? createdMs, until);
  const rows: TimelineRow[] = [];
  if (dueMs > createdMs) {
    const waiting = open && run.status === "DELAYED";
    rows.push(row("delay", "Delayed", [{ kind: "delay", from: createdMs, to: dueMs, open: waiting }]));
    if (waiting) return rows;
  }
  const label = run.status === "PENDING_VERSION" ? "Pending version" : "Queued";
  rows.push(row("queue", label, [{ kind: "queue", from: dueMs, to: until, open }]));
  return rows;
};

const attemptSpans = (attempt: RunAttempt, endMs: number): Span[] => {
  const leased = at(attempt.leasedAt);
  const ended = attempt.finishedAt ? at(attempt.finishedAt) : endMs;
  const open = attempt.finishedAt === null;
  if (attempt.startedAt === null) return [{ kind: "start", from: leased, to: ended, open }];
  const started = at(attempt.startedAt);
  return [
    { kind: "start", from: leased, to: started, open: false },
    { kind: "execute", from: started, to: ended, open },
  ];
};

const waitSpan = (wait: RunWait, endMs: number): Span => ({
  kind: "wait",
  from: at(wait.createdAt),
  to: wait.completedAt ? at(wait.completedAt) : endMs,
  open: wait.completedAt === null,
});

const attemptRows = (attempt: RunAttempt, waits: readonly RunWait[], endMs: number): TimelineRow[] => {
  const leased = at(attempt.leasedAt);
  const ended = attempt.finishedAt ? at(attempt.finishedAt) : endMs;
  const own = waits.filter((wait) => at(wait.createdAt) >= leased && at(wait.createdAt) <= ended);
  const waitSpans = own.map((wait) => waitSpan(wait, ended));
  return [
    row(
      `attempt-${attempt.number}`,
      `Attempt ${attempt.number}`,
      [...attemptSpans(attempt, endMs), ...waitSpans],
      {
        note: attempt.agentName,
        result: results[attempt.status] ?? null,
      },
    ),
    ...own.map((wait, index) =>
      row(`wait-${wait.id}`, waitLabels[wait.kind], waitSpans.slice(index, index + 1), {
        nested: true,
        note: wait.status === "pending" ? "pending" : null,
      }),
    ),
  ];
};

/**
 * What the chart draws: the delay, the queue, each attempt with the waits inside it, and the pauses between attempts.
 *
 * Units: Unix milliseconds; what still goes on ends at `nowMs`.
 */
export const buildTimeline = (run: RunTimes, timeline: RunTimeline, nowMs: number): Chart => {
  const from = run.createdAt.getTime();
  const to = Math.max(from + 1, run.finishedAt?.getTime() ?? nowMs);
  const attempts = [...timeline.attempts].sort(
    (a, b) => a.number - b.number || at(a.leasedAt) - at(b.leasedAt),
  );
  const rows = rowsBefore(run, attempts[0] ? at(attempts[0].leasedAt) : null, to);
  attempts.forEach((attempt, index) => {
    rows.push(...attemptRows(attempt, timeline.waits, to));
    const next = attempts[index + 1];
    const open = next === undefined && !isFinalStatus(run.status);
    if (attempt.finishedAt === null || (next === undefined && !open)) return;
    const span: Span = {
      kind: "pause",
      from: at(attempt.finishedAt),
      to: next ? at(next.leasedAt) : to,
      open,
    };
    rows.push(row(`pause-${attempt.number}-${index}`, "Until retry", [span]));
  });
  return { from, to, rows };
};

const niceSteps = [
  1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 10e3, 15e3, 30e3, 60e3, 120e3, 300e3, 600e3,
].concat([900e3, 1800e3, 3600e3, 7200e3, 10800e3, 21600e3, 43200e3, 86400e3, 172800e3, 604800e3]);

/** Round distances from the chart's start for its axis, at most `max` of them. Units: milliseconds. */
export const axisTicks = (spanMs: number, max = 5): number[] => {
  const step = niceSteps.find((candidate) => spanMs / candidate <= max) ?? spanMs / max;
  return Array.from({ length: Math.floor(spanMs / step) + 1 }, (_, index) => index * step);
};
