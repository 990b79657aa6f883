import { createAlarm } from "../core/alarm.ts";
import type { LoopDeps, LoopEnd } from "./loop.ts";

/** While runs are held a suspended host must be noticed soon after it is back: its timers have stood still. Units: milliseconds. */
const lookMs = 2_000;

/**
 * Keeps this agent from executing what may no longer be its own (L1, L4).
 *
 * I1  When no request has been acknowledged for the lease less a margin, every process is frozen.
 * I2  Contact thaws them, after the orders that came with it were obeyed: what the API took away is never thawed. An old
 *     answer, read only now, is no contact.
 */
export const fenceLoop = async (deps: LoopDeps, signal: AbortSignal): Promise<LoopEnd> => {
  const { clock, contact, executions, logger } = deps;
  const alarm = createAlarm(clock);
  const quiet = contact.onAcknowledged(() => {
    alarm.set(Math.max(0, contact.leftMs())); // the API may have made leases shorter
    if (!executions.arePaused() || contact.leftMs() <= 0) return;
    logger.info("the API answers again: the runs go on");
    void executions.resumeAll(); // I2
  });
  try {
    while (!signal.aborted) {
      deps.say(executions.arePaused() ? "the runs are frozen" : "in contact");
      const holds = executions.held().length > 0;
      if (contact.leftMs() <= 0 && !executions.arePaused() && holds) {
        const silentMs = Math.round(contact.silentMs());
        logger.warn("the API has been silent for too long: the runs are frozen", { silentMs });
        await executions.pauseAll(); // I1
      }
      const leftMs = contact.leftMs();
      alarm.set(leftMs > 0 ? Math.min(leftMs, holds ? lookMs : leftMs) : 500);
      await alarm.wait(signal);
    }
    return { kind: "stopped" };
  } finally {
    quiet();
  }
};
