import type { RunState, RunStatus } from "@longshore/shared/contract/run-status";
import { type legacyRunStatuses, runStates } from "@longshore/shared/contract/run-status";

type Seen = { state: RunState; attempt: number; releaseCount: number };

/** Why a run is `delayed`: asked for by its caller, between two attempts, or given back by an agent that could not start it. */
export type DelayKind = "asked" | "retry" | "released";
type WireStatus = (typeof legacyRunStatuses)[number];

const plain: Record<RunState, RunStatus> = {
  pending_version: "PENDING_VERSION",
  delayed: "DELAYED",
  queued: "QUEUED",
  leased: "DEQUEUED",
  executing: "EXECUTING",
  waiting: "WAITING",
  completed: "COMPLETED",
  failed: "FAILED",
  canceled: "CANCELED",
  crashed: "CRASHED",
  system_failure: "SYSTEM_FAILURE",
  expired: "EXPIRED",
  timed_out: "TIMED_OUT",
};

export const delayKind = (run: Omit<Seen, "state">): DelayKind =>
  run.attempt > 0 ? "retry" : run.releaseCount > 0 ? "released" : "asked";

/** DELAYED means not begun as its caller asked: between attempts a run is executing, given back it is queued. */
const delayedStatus: Record<DelayKind, RunStatus> = {
  asked: "DELAYED",
  retry: "EXECUTING",
  released: "QUEUED",
};

/** The status word of the current API version. */
export const wireStatus = (run: Seen): RunStatus =>
  run.state === "delayed" ? delayedStatus[delayKind(run)] : plain[run.state];

/** The word for clients that send no `x-trigger-api-version`. Source: the client wire contract, 1.7. */
export const legacyWireStatus = (run: Seen): WireStatus => {
  if (run.state === "delayed" && delayKind(run) === "retry") return "REATTEMPTING";
  if (run.state === "leased") return "EXECUTING";
  return run.state === "waiting" ? "FROZEN" : wireStatus(run);
};

/** What a status filter means in states; `delay` narrows `delayed` to one of its kinds. */
export const statesOfStatus = (status: WireStatus): { state: RunState; delay?: DelayKind }[] => {
  if (status === "REATTEMPTING") return [{ state: "delayed", delay: "retry" }];
  if (status === "FROZEN") return [{ state: "waiting" }];
  const delays = (Object.keys(delayedStatus) as DelayKind[]).filter(
    (delay) => delayedStatus[delay] === status,
  );
  return [
    ...runStates
      .filter((state) => state !== "delayed" && plain[state] === status)
      .map((state) => ({ state })),
    ...delays.map((delay) => ({ state: "delayed" as const, delay })),
  ];
};
