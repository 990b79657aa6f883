import type { RunState, RunStatus } from "@longshore/shared/contract/run-status";
import { type legacyRunStatuses, runStates } from "@longshore/shared/contract/run-status";

type Seen = { state: RunState; attempt: number };
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

/** A run between two attempts is executing as far as its caller is concerned: DELAYED means not begun. */
const isBetweenAttempts = (run: Seen): boolean => run.state === "delayed" && run.attempt > 0;

/** The status word of the current API version. */
export const wireStatus = (run: Seen): RunStatus => (isBetweenAttempts(run) ? "EXECUTING" : plain[run.state]);

/** The word for clients that send no `x-trigger-api-version`. Source: the client wire contract, 1.7. */
export const legacyWireStatus = (run: Seen): WireStatus => {
  if (isBetweenAttempts(run)) return "REATTEMPTING";
  if (run.state === "leased") return "EXECUTING";
  return run.state === "waiting" ? "FROZEN" : plain[run.state];
};

/** What a status filter means in states; `attempted` narrows `delayed` to runs between attempts or to runs not begun. */
export const statesOfStatus = (status: WireStatus): { state: RunState; attempted?: boolean }[] => {
  if (status === "DELAYED") return [{ state: "delayed", attempted: false }];
  if (status === "REATTEMPTING") return [{ state: "delayed", attempted: true }];
  if (status === "EXECUTING") return [{ state: "executing" }, { state: "delayed", attempted: true }];
  if (status === "FROZEN") return [{ state: "waiting" }];
  return runStates.filter((state) => plain[state] === status).map((state) => ({ state }));
};
