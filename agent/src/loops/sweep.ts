import type { Clock } from "@longshore/shared/core/clock";
import { reconcile } from "../core/reconcile.ts";
import type { ContainerRuntime } from "../ports/container-runtime.ts";
import type { Executions } from "../ports/executions.ts";
import type { Logger } from "../ports/logger.ts";
import type { LoopEnd } from "./loop.ts";

export type SweepDeps = {
  executions: Executions;
  runtime: ContainerRuntime;
  clock: Clock;
  logger: Logger;
  say(doing: string): void;
};

const sweepMs = 30_000;

/** Makes what is there what should be, once. Errors: rejects when the runtime does not answer. */
export const reconcileOnce = async ({ executions, runtime, logger }: SweepDeps): Promise<void> => {
  const desired = await executions.desired();
  const observed = await runtime.list();
  for (const step of reconcile(desired, observed)) {
    if (step.kind !== "forget") logger.info("reconciling", step);
    try {
      await executions.apply(step);
    } catch (error) {
      logger.warn("a step of the sweep failed; the next sweep tries again", { ...step, why: String(error) });
    }
  }
};

/** The safety net: whatever an event or a crash left behind is found within one turn. */
export const sweepLoop = async (deps: SweepDeps, signal: AbortSignal): Promise<LoopEnd> => {
  while (!signal.aborted) {
    deps.say("waiting for the next sweep");
    await deps.clock.sleep(sweepMs, signal);
    if (signal.aborted) break;
    deps.say("sweeping");
    await reconcileOnce(deps).catch((error) => deps.logger.warn("the sweep failed", { why: String(error) }));
  }
  return { kind: "stopped" };
};
