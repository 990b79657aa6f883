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
  const thaw = (): void => {
    if (!executions.arePaused()) return;
    logger.info("the API answers again: the runs go on");
    void executions.resumeAll(); // I2
  };
  const quiet = contact.onAcknowledged(thaw);
  try {
    while (!signal.aborted) {
      const { leaseMs } = contact.settings();
      const limitMs = Math.max(leaseMs / 2, leaseMs - marginMs);
      const leftMs = limitMs - contact.silentMs();
      deps.say(executions.arePaused() ? "the runs are frozen" : "in contact");
      if (leftMs <= 0 && !executions.arePaused() && executions.held().length > 0) {
        logger.warn("the API has been silent for too long: the runs are frozen", { limitMs });
        await executions.pauseAll(); // I1
      }
      await clock.sleep(leftMs > 0 ? leftMs : Math.min(500, limitMs), signal);
    }
    return { kind: "stopped" };
  } finally {
    quiet();
  }
};
