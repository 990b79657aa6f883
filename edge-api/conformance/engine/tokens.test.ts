import { claimRuns } from "@longshore/edge-api/db/transitions/claim-runs";
import { completeTokens } from "@longshore/edge-api/db/transitions/complete-tokens";
import { createWaitPoint } from "@longshore/edge-api/db/transitions/create-wait-point";
import { startRuns } from "@longshore/edge-api/db/transitions/start-runs";
import { triggerRuns } from "@longshore/edge-api/db/transitions/trigger-runs";
import { waitRuns } from "@longshore/edge-api/db/transitions/wait-runs";
import { newId } from "@longshore/shared/core/ids";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { claimRequest, seed, type TestDatabase, testDrivers, triggerItem } from "./fixture.ts";
import { brokenInvariants } from "./invariants.ts";

describe.each(testDrivers)("wait tokens on $name", ({ isAvailable, open }) => {
  describe.skipIf(!isAvailable)("that complete at once", () => {
    let t: TestDatabase;
    beforeAll(async () => {
      t = await open();
    }, 60_000);
    afterAll(() => t.close());

    test.each([
      ["one by one", 1],
      ["in groups", 7],
    ])("fifty points of one run, %s, wake it exactly once", async (_name, groupSize) => {
      const { environmentId, agentIds } = await seed(t, { tasks: [{ id: "a" }], agents: 1 });
      const agent = agentIds[0] ?? "";
      const [run] = await triggerRuns(t.db, [triggerItem(environmentId, "a")]);
      const runId = run?.runId ?? "";
      await claimRuns(t.db, claimRequest(agent, 1));
      await startRuns(t.db, agent, [{ runId, epoch: 1 }]);
      const ids = Array.from({ length: 50 }, () => newId("waitPoint"));
      for (const id of ids) {
        const key = { idempotencyKey: null, storedKey: null, keyExpiresAt: null };
        await createWaitPoint(t.db, {
          id,
          environmentId,
          kind: "token",
          dueAt: null,
          tags: [],
          runId: null,
          ...key,
        });
      }
      await waitRuns(t.db, agent, [{ runId, epoch: 1, waits: ids.map((id) => ({ kind: "token", id })) }]);
      const groups = ids.flatMap((_, at) => (at % groupSize === 0 ? [ids.slice(at, at + groupSize)] : []));
      await Promise.all(
        groups.map((group) =>
          completeTokens(
            t.db,
            group.map((id) => ({ id, environmentId, output: "1", outputType: "application/json" })),
          ),
        ),
      );
      const [row] = await t.query("select state, waits_open from runs where id = $1", [runId]);
      expect(row).toEqual({ state: "queued", waits_open: 0 });
      expect(
        await t.query("select 1 from run_events where run_id = $1 and kind = 'wake'", [runId]),
      ).toHaveLength(1);
      expect(await brokenInvariants(t, environmentId)).toEqual([]);
      const claim = await claimRuns(t.db, claimRequest(agent, 1));
      if (claim.kind !== "claimed") throw new Error(claim.kind);
      expect(claim.leases[0]?.waits.map(({ id }) => id)).toEqual(ids);
    });
  });
});
