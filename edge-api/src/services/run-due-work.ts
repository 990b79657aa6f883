import { completeDueWaits } from "../db/transitions/complete-due-waits.ts";
import { expireRuns } from "../db/transitions/expire-runs.ts";
import { promoteDueRuns } from "../db/transitions/promote-due-runs.ts";
import type { Deps } from "./deps.ts";
import { fireFinalisers } from "./fire-finalisers.ts";
import { fireSchedules } from "./fire-schedules.ts";
import { tryPart } from "./try-part.ts";
import { wakeAfter } from "./wake.ts";

/** One call handles this many rounds of 500 at most, so that a flood cannot hold a request for ever. */
const roundsMax = 20;

/**
 * Makes every move that has come due: delays and retries, wait points, times to live, ticks, finalisers. One kind that fails
 * is logged and does not hold up the others.
 *
 * Cost: five round trips, or more in a flood.
 */
export const runDueWork = async (deps: Deps): Promise<void> => {
  for (let round = 0; round < roundsMax; round++) {
    const [promoted, waits, expired, ticks, finalisers] = await Promise.all([
      tryPart(deps, "promote due runs", () => promoteDueRuns(deps.db)),
      tryPart(deps, "complete due waits", () => completeDueWaits(deps.db)),
      tryPart(deps, "expire runs", () => expireRuns(deps.db)),
      tryPart(deps, "fire schedules", () => fireSchedules(deps)),
      tryPart(deps, "fire finalisers", () => fireFinalisers(deps)),
    ]);
    await wakeAfter(deps, {
      environmentIds: [...(promoted?.environmentIds ?? []), ...(expired?.hints.environmentIds ?? [])],
      agentIds: [...(waits?.hints.agentIds ?? []), ...(expired?.hints.agentIds ?? [])],
    });
    const isFlood = [promoted, waits, expired].some((part) => part !== null && part.count >= 500);
    if (!isFlood && !ticks?.more && !finalisers?.more) return;
  }
};
