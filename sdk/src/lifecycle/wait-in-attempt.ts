import type { CompletedWait, WaitSpec } from "@longshore/shared/contract/agent-protocol";
import type { RunContext } from "@longshore/shared/contract/run-context";
import { ConcurrentWaitError } from "../task-errors.ts";
import { findAttempt } from "./attempts.ts";

/** The part of a task's host that waits. */
type WaitingHost = {
  context: RunContext;
  signal: AbortSignal;
  wait(specs: WaitSpec[]): Promise<CompletedWait[]>;
};

/**
 * A wait that leaves the slot, with what surrounds it: what is gathered is sent, hooks hear of it, and its time does not
 * count. Errors: ConcurrentWaitError beside an open wait; the signal's reason once it is aborted.
 */
export const waitInAttempt = async (host: WaitingHost, specs: WaitSpec[]): Promise<CompletedWait[]> => {
  const attempt = findAttempt(host.context);
  if (!attempt) return host.wait(specs);
  if (attempt.isWaiting) {
    attempt.didConcurrentWait = true;
    throw new ConcurrentWaitError();
  }
  attempt.isWaiting = true;
  try {
    await attempt.onWait(specs);
    host.signal.throwIfAborted();
    const sinceMs = performance.now();
    const completed = await host.wait(specs);
    attempt.waitedMs += performance.now() - sinceMs;
    attempt.isWaiting = false;
    await attempt.onResume(specs);
    return completed;
  } finally {
    attempt.isWaiting = false;
  }
};
