import { abortUnsealedBatches } from "@longshore/edge-api/db/transitions/abort-batches";
import { claimRuns } from "@longshore/edge-api/db/transitions/claim-runs";
import { createBatch } from "@longshore/edge-api/db/transitions/create-batch";
import { endAttempts } from "@longshore/edge-api/db/transitions/end-attempts";
import { type LinkedItem, linkBatchItems } from "@longshore/edge-api/db/transitions/link-batch-items";
import { settleBatches } from "@longshore/edge-api/db/transitions/settle-batches";
import { startRuns } from "@longshore/edge-api/db/transitions/start-runs";
import { triggerRuns } from "@longshore/edge-api/db/transitions/trigger-runs";
import { waitRuns } from "@longshore/edge-api/db/transitions/wait-runs";
import { newId } from "@longshore/shared/core/ids";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { claimRequest, seed, type TestDatabase, testDrivers, triggerItem } from "./fixture.ts";
import { brokenInvariants, strayEvents } from "./invariants.ts";

describe.each(testDrivers)("batches on $name", ({ isAvailable, open }) => {
  describe.skipIf(!isAvailable)("of runs that are counted", () => {
    let t: TestDatabase;
    beforeAll(async () => {
      t = await open();
    }, 60_000);
    afterAll(() => t.close());

    const place = async () => {
      const { environmentId, agentIds } = await seed(t, { tasks: [{ id: "a" }], agents: 1 });
      const agent = agentIds[0] ?? "";
      const execute = async (count: number) => {
        const items = Array.from({ length: count }, () => triggerItem(environmentId, "a"));
        await triggerRuns(t.db, items);
        await claimRuns(t.db, claimRequest(agent, 100));
        await startRuns(
          t.db,
          agent,
          items.map(({ id }) => ({ runId: id, epoch: 1 })),
        );
        return items.map(({ id }) => id);
      };
      const end = (runIds: readonly string[]) =>
        endAttempts(
          t.db,
          agent,
          runIds.map((runId) => ({
            ...{ runId, epoch: 1, outcome: "completed", output: '"done"', outputType: "application/json" },
            ...{ error: null, finalState: "completed", retry: null, executedMs: 1 },
          })),
        );
      const make = async (runCount: number, parentRunId: string | null = null) => {
        const id = newId("batch");
        await createBatch(t.db, {
          ...{ id, environmentId, runCount, keyHash: null, keyExpiresAt: null, idempotencyKey: null },
          ...{ parentRunId, resumesParent: parentRunId !== null, waitPointId: newId("waitPoint") },
          sealMs: 1_800_000,
        });
        return id;
      };
      const link = (id: string, runIds: readonly string[], from = 0) => {
        const items = runIds.map(
          (runId, nth): LinkedItem => ({ index: from + nth, task: "a", runId, error: null }),
        );
        return linkBatchItems(t.db, { id, environmentId }, items);
      };
      const wait = (runId: string, batchId: string) =>
        waitRuns(t.db, agent, [{ runId, epoch: 1, waits: [{ kind: "batch", batchId }] }]);
      const row = async (id: string) =>
        (await t.query("select status, open_count, item_count from batches where id = $1", [id]))[0];
      const state = async (id: string) =>
        (await t.query("select state from runs where id = $1", [id]))[0]?.state;
      return { environmentId, agent, execute, end, make, link, wait, row, state };
    };

    test("a batch ends with its last run, and its parent wakes once", async () => {
      const p = await place();
      const [parent = "", ...children] = await p.execute(51);
      const id = await p.make(50, parent);
      expect(await p.link(id, children)).toMatchObject({ linked: 50, status: "PROCESSING" });
      expect((await p.wait(parent, id)).results).toMatchObject([{ kind: "moved" }]);
      const ended = await Promise.all(children.map((child) => p.end([child])));
      expect(await p.row(id)).toEqual({ status: "COMPLETED", open_count: 0, item_count: 50 });
      expect(await p.state(parent)).toBe("queued");
      expect(ended.filter(({ hints }) => hints.agentIds.length > 0)).toHaveLength(1);
      const wakes = await t.query("select 1 from run_events where run_id = $1 and kind = 'wake'", [parent]);
      expect(wakes).toHaveLength(1);
      expect(await brokenInvariants(t, p.environmentId)).toEqual([]);
      expect(await strayEvents(t, p.environmentId)).toEqual([]);
    });

    test("two batches that share a run, and end with it in one statement, both end", async () => {
      const p = await place();
      const [one = "", two = "", shared = ""] = await p.execute(3);
      const batches = [await p.make(2), await p.make(2)];
      await p.link(batches[0] ?? "", [one, shared]);
      await p.link(batches[1] ?? "", [two, shared]);
      await p.end([one, shared, two]);
      for (const id of batches) expect(await p.row(id)).toMatchObject({ status: "COMPLETED", open_count: 0 });
    });

    test("a run that ended before it was linked counts; one that ended meanwhile is found later", async () => {
      const p = await place();
      const [early = "", late = ""] = await p.execute(2);
      const id = await p.make(2);
      await p.end([early]);
      expect(await p.link(id, [early])).toMatchObject({ status: "PENDING" });
      expect(await p.row(id)).toMatchObject({ open_count: 1 });
      await p.link(id, [late], 1);
      await p.end([late]);
      // As if the end of `late` had not seen the link.
      await t.query("update batch_items set is_over = false where run_id = $1", [late]);
      await t.query(
        "update batches set status = 'PROCESSING', open_count = 1, completed_at = null where id = $1",
        [id],
      );
      expect(await settleBatches(t.db, null)).toMatchObject({ count: 1 });
      expect(await p.row(id)).toMatchObject({ status: "COMPLETED", open_count: 0 });
      expect(await settleBatches(t.db, id)).toMatchObject({ count: 0 });
    });

    test("a batch that is not filled in time is given up, and its parent told why", async () => {
      const p = await place();
      const [parent = "", child = ""] = await p.execute(2);
      const id = await p.make(2, parent);
      await p.link(id, [child]);
      await p.wait(parent, id);
      expect(await abortUnsealedBatches(t.db)).toMatchObject({ count: 0 });
      await t.advance(1_800_000);
      expect(await abortUnsealedBatches(t.db)).toMatchObject({ count: 1, hints: { agentIds: [p.agent] } });
      const claim = await claimRuns(t.db, claimRequest(p.agent, 10));
      expect(claim).toMatchObject({
        leases: [
          {
            runId: parent,
            waits: [{ kind: "batch", error: { raw: expect.stringContaining("1 of its 2") } }],
          },
        ],
      });
      expect(await p.link(id, [parent], 1)).toMatchObject({ linked: 0, status: "ABORTED" });
      await p.end([child]);
      expect(await p.row(id)).toMatchObject({ status: "ABORTED" });
    });

    test("a key that named a batch of another size makes nothing, and no parent waits for it", async () => {
      const p = await place();
      const [parent = ""] = await p.execute(1);
      const ask = (runCount: number, parentRunId: string | null) =>
        createBatch(t.db, {
          ...{
            id: newId("batch"),
            environmentId: p.environmentId,
            runCount,
            keyHash: "k",
            idempotencyKey: "k",
          },
          ...{ keyExpiresAt: "2999-01-01T00:00:00.000Z", parentRunId, resumesParent: parentRunId !== null },
          ...{ waitPointId: newId("waitPoint"), sealMs: 1_800_000 },
        });
      const first = await ask(2, null);
      expect(first.kind).toBe("created");
      expect(await ask(3, parent)).toEqual({ ...first, kind: "other_count" });
      const waits = () => t.query("select 1 from run_waits where run_id = $1", [parent]);
      expect(await waits()).toHaveLength(0);
      expect(await ask(2, parent)).toMatchObject({ ...first, kind: "cached" });
      expect(await waits()).toHaveLength(1);
    });
  });
});
