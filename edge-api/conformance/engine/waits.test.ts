import { claimRuns } from "@longshore/edge-api/db/transitions/claim-runs";
import { endAttempts } from "@longshore/edge-api/db/transitions/end-attempts";
import { startRuns } from "@longshore/edge-api/db/transitions/start-runs";
import { triggerRuns } from "@longshore/edge-api/db/transitions/trigger-runs";
import { waitRuns } from "@longshore/edge-api/db/transitions/wait-runs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { claimRequest, seed, type TestDatabase, testDrivers, triggerItem } from "./fixture.ts";

describe.each(testDrivers)("waits on $name", ({ isAvailable, open }) => {
  describe.skipIf(!isAvailable)("of a parent for its children", () => {
    let t: TestDatabase;
    beforeAll(async () => {
      t = await open();
    }, 60_000);
    afterAll(() => t.close());

    const place = async () => {
      const { environmentId, agentIds } = await seed(t, { tasks: [{ id: "a" }], agents: 1 });
      const agent = agentIds[0] ?? "";
      const execute = async (over = {}) => {
        const [outcome] = await triggerRuns(t.db, [triggerItem(environmentId, "a", over)]);
        await claimRuns(t.db, claimRequest(agent, 100));
        await startRuns(t.db, agent, [{ runId: outcome?.runId ?? "", epoch: 1 }]);
        return outcome?.runId ?? "";
      };
      const end = (runId: string, epoch: number) =>
        endAttempts(t.db, agent, [
          {
            ...{ runId, epoch, outcome: "completed", output: '"done"', outputType: "application/json" },
            ...{ error: null, finalState: "completed", retry: null, executedMs: 1 },
          },
        ]);
      const wait = (runId: string, child: string, epoch = 1) =>
        waitRuns(t.db, agent, [{ runId, epoch, waits: [{ kind: "run", runId: child }] }]);
      const state = async (id: string) =>
        (await t.query("select state, waits_open from runs where id = $1", [id]))[0];
      return { agent, execute, end, wait, state };
    };

    test("a child that the parent does not wait for does not wake it", async () => {
      const p = await place();
      const parent = await p.execute();
      const awaited = await p.execute({ parentRunId: parent, resumeParent: true });
      const stray = await p.execute({ parentRunId: parent, resumeParent: true });
      await p.wait(parent, awaited);
      await p.end(stray, 1);
      expect(await p.state(parent)).toEqual({ state: "waiting", waits_open: 1 });
      await p.end(awaited, 1);
      expect(await p.state(parent)).toEqual({ state: "queued", waits_open: 0 });
    });

    test("a wait that is reported again after it was answered ready is answered ready again", async () => {
      const p = await place();
      const parent = await p.execute();
      const child = await p.execute({ parentRunId: parent, resumeParent: true });
      await p.end(child, 1);
      const first = await p.wait(parent, child);
      expect(first.results).toMatchObject([{ kind: "ready", waits: [{ runId: child, output: '"done"' }] }]);
      expect(await p.wait(parent, child)).toEqual(first);
    });

    test("a child that is named twice in one wait is waited for once", async () => {
      const p = await place();
      const parent = await p.execute();
      const child = await p.execute({ parentRunId: parent, resumeParent: true });
      const waits = [child, child].map((runId) => ({ kind: "run" as const, runId }));
      const waited = await waitRuns(t.db, p.agent, [{ runId: parent, epoch: 1, waits }]);
      expect(waited.results).toMatchObject([{ kind: "moved" }]);
      await p.end(child, 1);
      const claim = await claimRuns(t.db, claimRequest(p.agent, 1));
      expect(claim).toMatchObject({ leases: [{ runId: parent, waits: [{ runId: child }] }] });
    });

    test("a parent waits for its children one after the other, each time with that child's result", async () => {
      const p = await place();
      const parent = await p.execute();
      for (let epoch = 1; epoch <= 3; epoch++) {
        const child = await p.execute({ parentRunId: parent, resumeParent: true });
        expect((await p.wait(parent, child, epoch)).results).toMatchObject([{ kind: "moved" }]);
        await p.end(child, 1);
        const claim = await claimRuns(t.db, claimRequest(p.agent, 1));
        if (claim.kind !== "claimed") throw new Error(claim.kind);
        const mine = claim.leases.filter((lease) => lease.runId === parent);
        expect(mine).toMatchObject([{ epoch: epoch + 1, isContinuation: true, waits: [{ runId: child }] }]);
        expect(mine[0]?.waits).toHaveLength(1);
      }
    });
  });
});
