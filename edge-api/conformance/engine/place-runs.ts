import type { ClaimRequest, Room } from "@longshore/edge-api/db/transitions/claim-request";
import { claimRuns } from "@longshore/edge-api/db/transitions/claim-runs";
import { endAttempts } from "@longshore/edge-api/db/transitions/end-attempts";
import { openLane } from "@longshore/edge-api/db/transitions/open-lane";
import { startRuns } from "@longshore/edge-api/db/transitions/start-runs";
import { type TriggerItem, triggerRuns } from "@longshore/edge-api/db/transitions/trigger-runs";
import { waitRuns } from "@longshore/edge-api/db/transitions/wait-runs";
import { newId } from "@longshore/shared/core/ids";
import { expect } from "vitest";
import { claimRequest, seed, type TaskSpec, type TestDatabase, triggerItem } from "./fixture.ts";
import { brokenInvariants } from "./invariants.ts";

type Claimed = { runId: string; epoch: number };

/** What an agent is and has when it asks; `nth` of those that were made. */
type Asking = {
  region?: string;
  labels?: Record<string, string>;
  free?: number;
  room?: Room;
  nth?: number;
  held?: Claimed[];
};

const ended = { outcome: "completed" as const, finalState: "completed" as const, output: null };
const endedPlainly = { ...ended, outputType: null, error: null, retry: null, executedMs: 1 };

/** As the service does: the lane of a region, of labels or of limits is made first. */
const triggerPlaced = async (t: TestDatabase, item: TriggerItem): Promise<string> => {
  for (;;) {
    const [outcome] = await triggerRuns(t.db, [item]);
    if (outcome?.kind === "created") return item.id;
    expect(outcome?.kind).toBe("lane_missing");
    const { queueId = "", limitsKey = "", place = "", limitNames = [] } = outcome ?? {};
    const opened = await openLane(t.db, {
      ...{ laneId: newId("lane"), environmentId: item.environmentId, queueId: queueId ?? "" },
      ...{ concurrencyKey: item.concurrencyKey, limitsKey, place, limitNames, gates: [] },
      slotIds: limitNames.flatMap(() => [newId("limitSlot"), newId("limitSlot")]),
      ...{ gateLaneIds: [], placelessLaneId: newId("lane") },
    });
    expect(opened).toEqual({ missingLimits: [], missingGates: [] });
  }
};

/** A place of its own with a pool of agents, and what tests of placement do there. */
export const placeRuns = async (t: TestDatabase, tasks: TaskSpec[] = [{ id: "a" }], agents = 1) => {
  const seeded = await seed(t, { tasks, agents });
  const { environmentId, agentIds } = seeded;
  const trigger = (over: Partial<TriggerItem> = {}, task = "a"): Promise<string> =>
    triggerPlaced(t, triggerItem(environmentId, task, over));
  const request = ({ region, labels, free = 10, room, nth = 0, held = [] }: Asking): ClaimRequest =>
    claimRequest(agentIds[nth] ?? "", free, {
      labels: { ...labels, ...(region === undefined ? {} : { region }) },
      room: room ?? null,
      held,
    });
  const claim = async (asking: Asking = {}): Promise<Claimed[]> => {
    const answer = await claimRuns(t.db, request(asking));
    if (answer.kind !== "claimed") throw new Error(answer.kind);
    return answer.leases.map(({ runId, epoch }) => ({ runId, epoch }));
  };
  const ids = async (asking: Asking = {}) => (await claim(asking)).map(({ runId }) => runId).sort();
  const end = async (leases: Claimed[], nth = 0) => {
    await startRuns(t.db, agentIds[nth] ?? "", leases);
    const ends = leases.map((lease) => ({ ...lease, ...endedPlainly }));
    return endAttempts(t.db, agentIds[nth] ?? "", ends);
  };
  /** Each begins, and waits for a minute by the database's clock. */
  const wait = async (leases: Claimed[], nth = 0) => {
    const agentId = agentIds[nth] ?? "";
    await startRuns(t.db, agentId, leases);
    const [{ at } = {}] = await t.query("select (app_now() + interval '1 minute')::text as at");
    const point = () => ({ kind: "time" as const, id: newId("waitPoint"), at: String(at) });
    await waitRuns(
      t.db,
      agentId,
      leases.map((lease) => ({ ...lease, waits: [point()] })),
    );
  };
  const holds = async () => expect(await brokenInvariants(t, environmentId)).toEqual([]);
  return { ...seeded, trigger, request, claim, ids, end, wait, holds };
};
