import { completeDueWaits } from "../db/transitions/complete-due-waits.ts";
import { expireRuns } from "../db/transitions/expire-runs.ts";
import { promoteDueRuns } from "../db/transitions/promote-due-runs.ts";
import type { Deps } from "./deps.ts";
import { fireFinalisers } from "./fire-finalisers.ts";
import { fireSchedules } from "./fire-schedules.ts";
import { wakeAfter } from "./wake.ts";

/** One call handles this many rounds of 500 at most, so that a flood cannot hold a request for ever. */
const roundsMax = 20;

/** Makes every move that has come due: delays and retries, wait points, times to live, ticks, finalisers. Cost: five round trips, or more in a flood. */
export const runDueWork = async (deps: Deps): Promise<void> => {
  for (let round = 0; round < roundsMax; round++) {
    const [promoted, waits, expired, ticks, finalisers] = await Promise.all([
      promoteDueRuns(deps.db),
      completeDueWaits(deps.db),
      expireRuns(deps.db),
      fireSchedules(deps),
      fireFinalisers(deps),
    ]);
    await wakeAfter(deps, {
      environmentIds: [...promoted.environmentIds, ...expired.hints.environmentIds],
      agentIds: [...waits.hints.agentIds, ...expired.hints.agentIds],
    });
    const isFlood = promoted.count >= 500 || waits.count >= 500 || expired.count >= 500;
    if (!isFlood && !ticks.more && !finalisers.more) return;
  }
};
