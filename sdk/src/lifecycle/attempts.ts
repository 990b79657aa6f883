import type { WaitSpec } from "@longshore/shared/contract/agent-protocol";
import type { RunContext } from "@longshore/shared/contract/run-context";

/** What belongs to one attempt and to nothing else in the process. Units: milliseconds of the monotonic clock. */
export type Attempt = {
  context: RunContext;
  startedAtMs: number;
  /** Time spent in waits that left the slot. */
  waitedMs: number;
  isWaiting: boolean;
  /** A second wait was opened beside an open one: the run cannot go on as it was written. */
  didConcurrentWait: boolean;
  /** Values of `locals`, and what modules of the SDK keep for the attempt. */
  locals: Map<symbol, unknown>;
  /** What `waitUntil` was given and has not settled. */
  pending: Set<Promise<unknown>>;
  /** Sends what is gathered; asked before a wait and before the end. */
  flushes: Set<() => Promise<void>>;
  onWait(specs: WaitSpec[]): Promise<void>;
  onResume(specs: WaitSpec[]): Promise<void>;
};

const key = Symbol.for("longshore.attempts.1");
type WithAttempts = { [key]?: WeakMap<RunContext, Attempt> };

/** On the global object, because a bundle may carry more than one copy of the SDK. */
const attempts = (): WeakMap<RunContext, Attempt> => {
  const holder = globalThis as WithAttempts;
  holder[key] ??= new WeakMap();
  return holder[key];
};

/**
 * The attempt that a context belongs to. By the context and not by the process: in one that serves several runs, what an
 * earlier run left behind still finds its own attempt, and never that of the run that is on now.
 */
export const findAttempt = (context: RunContext): Attempt | undefined => attempts().get(context);

export const openAttempt = (context: RunContext): Attempt => {
  const attempt: Attempt = {
    context,
    startedAtMs: performance.now(),
    waitedMs: 0,
    isWaiting: false,
    didConcurrentWait: false,
    locals: new Map(),
    pending: new Set(),
    flushes: new Set(),
    onWait: async () => {},
    onResume: async () => {},
  };
  attempts().set(context, attempt);
  return attempt;
};
