import { finalStates } from "@longshore/shared/contract/run-status";
import type { RunSummary } from "@longshore/shared/contract/runs";

export type WireStatus = RunSummary["status"];
export type Tone = "good" | "bad" | "warn" | "busy" | "pause" | "quiet";

type Look = { label: string; tone: Tone; meaning: string };

/** How each status is called and coloured. Source: the life-cycle; the legacy words only old servers send. */
export const statusLooks: Record<WireStatus, Look> = {
  PENDING_VERSION: { label: "Pending version", tone: "warn", meaning: "No deployment has this task yet" },
  DELAYED: { label: "Delayed", tone: "warn", meaning: "Not due yet" },
  QUEUED: { label: "Queued", tone: "quiet", meaning: "Waiting for an agent with a free slot" },
  DEQUEUED: { label: "Starting", tone: "busy", meaning: "An agent has it and is starting it" },
  EXECUTING: { label: "Executing", tone: "busy", meaning: "Its code is running" },
  WAITING: { label: "Waiting", tone: "pause", meaning: "Paused on a wait point; it holds no slot" },
  COMPLETED: { label: "Completed", tone: "good", meaning: "It returned" },
  FAILED: { label: "Failed", tone: "bad", meaning: "Its code threw, and no attempt is left" },
  CANCELED: { label: "Canceled", tone: "quiet", meaning: "Somebody stopped it" },
  CRASHED: { label: "Crashed", tone: "bad", meaning: "Its process died" },
  SYSTEM_FAILURE: { label: "System failure", tone: "bad", meaning: "The platform failed it" },
  EXPIRED: { label: "Expired", tone: "warn", meaning: "Its time to live ended before it started" },
  TIMED_OUT: { label: "Timed out", tone: "bad", meaning: "It ran longer than it may" },
  WAITING_FOR_DEPLOY: { label: "Pending version", tone: "warn", meaning: "No deployment has this task yet" },
  REATTEMPTING: { label: "Retrying", tone: "warn", meaning: "Between two attempts" },
  FROZEN: { label: "Waiting", tone: "pause", meaning: "Paused on a wait point" },
  INTERRUPTED: { label: "Interrupted", tone: "bad", meaning: "Its process was stopped" },
};

const finalStatuses: ReadonlySet<string> = new Set([
  ...finalStates.map((state) => state.toUpperCase()),
  "INTERRUPTED",
]);

/** Whether nothing will change this run any more. */
export const isFinalStatus = (status: WireStatus): boolean => finalStatuses.has(status);

/** Whether the run may be cancelled: every state that is not final may. */
export const cancelRefusal = (status: WireStatus): string | null =>
  isFinalStatus(status) ? `This run is over: it is ${statusLooks[status].label.toLowerCase()}.` : null;

export type RunTimes = {
  status: WireStatus;
  createdAt: Date;
  startedAt?: Date | undefined;
  finishedAt?: Date | undefined;
  delayedUntil?: Date | undefined;
};

/** Time in the queue, a requested delay apart; `null` before it began to count. Units: milliseconds. */
export const queuedMs = (run: RunTimes, nowMs: number): number | null => {
  const fromMs = Math.max(run.createdAt.getTime(), run.delayedUntil?.getTime() ?? 0);
  const toMs = run.startedAt?.getTime() ?? run.finishedAt?.getTime() ?? nowMs;
  return toMs < fromMs ? null : toMs - fromMs;
};

/** From the first start to the end, or to now; `null` before it started. Units: milliseconds. */
export const elapsedMs = (run: RunTimes, nowMs: number): number | null =>
  run.startedAt ? Math.max(0, (run.finishedAt?.getTime() ?? nowMs) - run.startedAt.getTime()) : null;
