import type { RunContext } from "@longshore/shared/contract/run-context";
import { type AttemptOutcome, findTask } from "../catalog.ts";
import { installHost } from "../host.ts";
import { stringifyPacket } from "../packets.ts";
import { task } from "../task.ts";
import type { TaskOptions } from "../task-options.ts";
import { createFakeHost, testContext } from "./fake-host.ts";

/** Forgets every task, global hook and host of this process. */
export const forgetAll = (): void => {
  for (const name of ["longshore.hooks.1", "longshore.catalog.2"])
    delete (globalThis as Record<symbol, unknown>)[Symbol.for(name)];
  installHost(undefined);
};

export type ExecuteOver = {
  run?: Partial<RunContext["run"]>;
  attempt?: number;
  machine?: string;
  abort?: AbortController;
  host?: Parameters<typeof createFakeHost>[0];
};

/** Defines a task, executes one attempt of it with a payload that holds a date, and answers its outcome and its host. */
export const executeTask = async (
  options: Omit<TaskOptions<"t", unknown, unknown>, "id">,
  over: ExecuteOver = {},
): Promise<{ outcome: AttemptOutcome; host: ReturnType<typeof createFakeHost> }> => {
  const context: RunContext = {
    ...testContext,
    attempt: { ...testContext.attempt, number: over.attempt ?? 1 },
    run: { ...testContext.run, maxAttempts: 3, ...over.run },
    machine: { name: over.machine ?? "small-1x", cpu: 1, memory: 1 },
  };
  const { signal } = over.abort ?? new AbortController();
  const host = Object.assign(createFakeHost({ waitInProcessMs: 0, ...over.host }), { context, signal });
  installHost(host);
  task({ id: "t", ...options });
  const payload = await stringifyPacket({ when: new Date(0) });
  const outcome = await findTask("t")?.execute({ payload, context, signal });
  if (!outcome) throw new Error("the task is not registered");
  return { outcome, host };
};
