import { reconnectDelayMs } from "@longshore/shared/core/back-off";
import type { LoopEnd } from "./loop.ts";
import { reconcileOnce, type SweepDeps } from "./sweep.ts";

export type EventsDeps = SweepDeps & { random: () => number };

const pingLimits = { minMs: 100, maxMs: 5_000 };
/** A stream that held this long was a good one. Units: milliseconds. */
const heldMs = 10_000;

/**
 * Follows the runtime's events, so that an ended container is reported in well under a second.
 *
 * `isHeard`: whether the runtime has answered already.
 *
 * I1  While the runtime cannot be heard nothing is claimed.
 * I2  After each gap everything is reconciled: what happened unheard is found.
 */
export const eventsLoop = async (
  deps: EventsDeps,
  isHeard: boolean,
  signal: AbortSignal,
): Promise<LoopEnd> => {
  const { clock, executions, runtime } = deps;
  let failures = 0;
  // A runtime that was away at the start, or while it was reconciled, is asked until it answers.
  let isAlive = isHeard;
  while (!signal.aborted) {
    const startedAt = clock.monotonic();
    if (isAlive) await listen(deps, signal);
    if (signal.aborted) break;
    executions.setRuntimeAlive(false); // I1
    failures = clock.monotonic() - startedAt > heldMs ? 0 : failures + 1;
    deps.say(`the ${runtime.name} runtime does not answer`);
    do {
      await clock.sleep(reconnectDelayMs(failures, pingLimits, deps.random), signal);
      failures++;
    } while (!signal.aborted && !(await runtime.ping()));
    if (signal.aborted) break;
    isAlive = await takeUp(deps);
  }
  return { kind: "stopped" };
};

/** I2: whether it could be done; if not, the runtime counts as away still. */
const takeUp = async (deps: EventsDeps): Promise<boolean> => {
  const { executions, logger, runtime } = deps;
  try {
    await reconcileOnce(deps);
    executions.setRuntimeAlive(true);
    logger.info("the runtime answers again", { runtime: runtime.name });
    return true;
  } catch (error) {
    logger.warn("the sweep failed", { why: String(error) });
    return false;
  }
};

const listen = async (
  { executions, logger, runtime, say }: EventsDeps,
  signal: AbortSignal,
): Promise<void> => {
  say("listening");
  try {
    for await (const event of runtime.watch(signal)) executions.onRuntimeEvent(event);
  } catch (error) {
    logger.warn("the runtime's event stream broke", { why: String(error) });
  }
};
