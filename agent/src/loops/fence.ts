import { createAlarm } from "../core/alarm.ts";
import type { LoopDeps, LoopEnd } from "./loop.ts";

/** Freezing must be over before the API may give the runs to another. Units: milliseconds. */
const marginMs = 5_000;

/**
 * Keeps this agent from executing what may no longer be its own (L1, L4).
 *
 * I1  When no request has been acknowledged for the lease less a margin, every process is frozen.
 * I2  Contact thaws them, after the orders that came with it were obeyed: what the API took away is never thawed.
 */
export const fenceLoop = async (deps: LoopDeps, signal: AbortSignal): Promise<LoopEnd> => {
  const { clock, contact, executions, logger } = deps;
  const alarm = createAlarm(clock);
  const limitMs = (): number => {
    const { leaseMs } = contact.settings();
    return Math.max(leaseMs / 2, leaseMs - marginMs);
  };
  const leftMs = (): number => limitMs() - contact.silentMs();
  const quiet = contact.onAcknowledged(() => {
    alarm.set(Math.max(0, leftMs())); // the API may have made leases shorter
    if (!executions.arePaused()) return;
    logger.info("the API answers again: the runs go on");
    void executions.resumeAll(); // I2
  });
  try {
    while (!signal.aborted) {
      deps.say(executions.arePaused() ? "the runs are frozen" : "in contact");
      if (leftMs() <= 0 && !executions.arePaused() && executions.held().length > 0) {
        logger.warn("the API has been silent for too long: the runs are frozen", { limitMs: limitMs() });
        await executions.pauseAll(); // I1
      }
      alarm.set(leftMs() > 0 ? leftMs() : Math.min(500, limitMs()));
      await alarm.wait(signal);
    }
    return { kind: "stopped" };
  } finally {
    quiet();
  }
};
