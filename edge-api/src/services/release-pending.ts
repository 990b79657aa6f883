import { newId } from "@longshore/shared/core/ids";
import { isDataFault } from "../db/retry-conflicts.ts";
import { openLane } from "../db/transitions/open-lane.ts";
import { releasePendingRuns } from "../db/transitions/release-pending-runs.ts";
import type { Deps } from "./deps.ts";
import { wakeAfter } from "./wake.ts";

/** A key too long to be stored keeps its own runs waiting, not all others. */
const orNull = (error: unknown): null => {
  if (isDataFault(error)) return null;
  throw error;
};

/** One call handles this many rounds of 500 at most. */
const roundsMax = 200;

/**
 * Queues the runs that waited for a deployment of an environment (`null`: of any) which is there now.
 * Cost: one round trip for each 500, and one for each lane under limits that none of them had before.
 */
export const releasePending = async (deps: Deps, environmentId: string | null): Promise<void> => {
  for (let round = 0; round < roundsMax; round++) {
    const released = await releasePendingRuns(deps.db, environmentId);
    await wakeAfter(deps, { environmentIds: released.environmentIds, agentIds: [] });
    let opened = 0;
    for (const lane of released.lanesMissing) {
      const made = await openLane(deps.db, {
        ...lane,
        laneId: newId("lane"),
        slotIds: lane.limitNames.flatMap(() => [newId("limitSlot"), newId("limitSlot")]),
        gateLaneIds: lane.gates.map(() => newId("lane")),
        placelessLaneId: newId("lane"),
      }).catch(orNull);
      if (made?.missingLimits.length === 0 && made.missingGates.length === 0) opened++;
    }
    if (released.count < 500 && opened === 0) return;
  }
};
