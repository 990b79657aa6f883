import type { CompletedWait, WaitSpec } from "@longshore/shared/contract/agent-protocol";
import type { RunContext } from "@longshore/shared/contract/run-context";
import type { LogLevel } from "@longshore/shared/contract/runs";
import { waitInAttempt } from "./lifecycle/wait-in-attempt.ts";

/**
 * What surrounds a task while it runs: the executor installs one for each attempt, the SDK asks it. It lives on the
 * global object, because a bundle carries its own copy of this module and the executor has another.
 */
export type TaskHost = {
  context: RunContext;
  /** Aborted when the run is cancelled or its time is over. */
  signal: AbortSignal;
  /** Sends a request to the API through the agent, with the run's own token. `path` starts with `/`. */
  request(
    path: string,
    init: { method: string; headers: Record<string, string>; body: string | null },
  ): Promise<Response>;
  /**
   * Leaves the run's slot until every wait point is complete.
   * Errors: rejects when another wait is open (TASK_DID_CONCURRENT_WAIT) or the run is cancelled.
   */
  wait(specs: WaitSpec[]): Promise<CompletedWait[]>;
  log(level: LogLevel, message: string, attributes?: Record<string, unknown>): void;
  /** Waits up to this long stay in the process and keep the slot. Units: milliseconds. */
  waitInProcessMs: number;
};

const key = Symbol.for("longshore.host.1");
type WithHost = { [key]?: TaskHost | undefined };

const inAttempt = new WeakMap<TaskHost, TaskHost>();

/** The same host, whose waits go through the life cycle of the attempt: hooks hear of them. */
const withWaits = (host: TaskHost): TaskHost => {
  const known = inAttempt.get(host);
  if (known) return known;
  const wait: TaskHost["wait"] = (specs) => waitInAttempt(host, specs);
  // It inherits, so that members that change (a kept process has one host for every run) stay what they are.
  const made: TaskHost = Object.create(host, { wait: { value: wait } });
  inAttempt.set(host, made);
  return made;
};

/** The host of the task that runs in this process; undefined outside a task. */
export const currentHost = (): TaskHost | undefined => {
  const host = (globalThis as WithHost)[key];
  return host && withWaits(host);
};

export const installHost = (host: TaskHost | undefined): void => {
  (globalThis as WithHost)[key] = host;
};
