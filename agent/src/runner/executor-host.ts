import type { TaskHost } from "@longshore/sdk/host";
import { ConcurrentWaitError } from "@longshore/sdk/task-errors";
import type { CompletedWait, WaitSpec } from "@longshore/shared/contract/agent-protocol";
import type { RunContext } from "@longshore/shared/contract/run-context";
import type { LogLevel } from "@longshore/shared/contract/runs";
import type { FromExecutor, ToExecutor } from "./ipc.ts";

/** Waits up to this long are not worth giving the slot away. Units: milliseconds. */
const waitInProcessMs = 5_000;

/** A callback that a run left behind asked for something in its name. */
class RunOverError extends Error {
  constructor() {
    super("The run that asks for this is over.");
    this.name = "RunOverError";
  }
}

/** Numbers go on from run to run in a kept process, so that a late answer finds nobody. */
let lastRequest = 0;

type Settle<T> = { resolve(value: T): void; reject(error: unknown): void };

/** What the SDK asks of the process it runs in, answered through the runner. */
export const createExecutorHost = (
  context: RunContext,
  signal: AbortSignal,
  send: (message: FromExecutor) => void,
  log: (level: LogLevel, message: string, attributes?: Record<string, unknown>) => void,
  isOver: () => boolean,
) => {
  const requests = new Map<number, Settle<Response>>();
  let openWait: Settle<CompletedWait[]> | null = null;
  signal.addEventListener("abort", () => {
    openWait?.reject(signal.reason);
    openWait = null;
  });

  const host: TaskHost = {
    context,
    signal,
    waitInProcessMs,
    log,
    request: (path, init) =>
      new Promise((resolve, reject) => {
        if (isOver()) return reject(new RunOverError());
        const id = ++lastRequest;
        requests.set(id, { resolve, reject });
        send({ t: "request", id, path, ...init });
      }),
    wait: (waits: WaitSpec[]) =>
      new Promise((resolve, reject) => {
        if (isOver()) return reject(new RunOverError());
        if (signal.aborted) return reject(signal.reason);
        if (openWait) return reject(new ConcurrentWaitError());
        openWait = { resolve, reject };
        send({ t: "waiting", waits });
      }),
  };

  return {
    host,
    isWaiting: () => openWait !== null,
    receive(message: Extract<ToExecutor, { t: "continue" | "response" }>): void {
      if (message.t === "continue") {
        openWait?.resolve(message.waits);
        openWait = null;
        return;
      }
      const { id, status, headers, body } = message;
      const bodyless = status === 204 || status === 205 || status === 304;
      requests.get(id)?.resolve(new Response(bodyless ? null : body, { status, headers }));
      requests.delete(id);
    },
  };
};
