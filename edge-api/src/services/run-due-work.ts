import { completeDueWaits } from "../db/transitions/complete-due-waits.ts";
import { expireRuns } from "../db/transitions/expire-runs.ts";
import { promoteDueRuns } from "../db/transitions/promote-due-runs.ts";
import type { Deps } from "./deps.ts";
import { fireSchedules } from "./fire-schedules.ts";
import { wakeAfter } from "./wake.ts";

/** One call handles this many rounds of 500 at most, so that a flood cannot hold a request for ever. */
const roundsMax = 20;

/** Makes every move that has come due: delays and retries, wait points, times to live, ticks. Cost: four round trips, or more in a flood. */
export const runDueWork = async (deps: Deps): Promise<void> => {
  for (let round = 0; round < roundsMax; round++) {
    const [promoted, waits, expired, ticks] = await Promise.all([
      promoteDueRuns(deps.db),
      completeDueWaits(deps.db),
      expireRuns(deps.db),
      fireSchedules(deps),
    ]);
    await wakeAfter(deps, {
      environmentIds: promoted.environmentIds,
      agentIds: [...waits.hints.agentIds, ...expired.hints.agentIds],
    });
    if (promoted.count < 500 && waits.count < 500 && expired.count < 500 && !ticks.more) return;
  }
};
