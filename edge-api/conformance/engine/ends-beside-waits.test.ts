import { claimRuns } from "@longshore/edge-api/db/transitions/claim-runs";
import { completeTokens } from "@longshore/edge-api/db/transitions/complete-tokens";
import { createWaitPoint } from "@longshore/edge-api/db/transitions/create-wait-point";
import { type AttemptEnd, endAttempts } from "@longshore/edge-api/db/transitions/end-attempts";
import { startRuns } from "@longshore/edge-api/db/transitions/start-runs";
import { triggerRuns } from "@longshore/edge-api/db/transitions/trigger-runs";
import { waitRuns } from "@longshore/edge-api/db/transitions/wait-runs";
import { newId } from "@longshore/shared/core/ids";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { claimRequest, seed, type TestDatabase, testDrivers, triggerItem } from "./fixture.ts";
import { brokenInvariants, strayEvents } from "./invariants.ts";

const crash = { type: "INTERNAL_ERROR", code: "TASK_PROCESS_SIGSEGV" } as const;
const failed = { outcome: "failed", output: null, outputType: null, error: crash } as const;
/** How a process can end, and what its run is then. */
const ways: [string, Partial<AttemptEnd>, string, string][] = [
  ["completes", {}, "completed", "complete"],
  ["fails for good", { ...failed, finalState: "failed" }, "failed", "fail"],
  ["crashes", { ...failed, finalState: "crashed" }, "crashed", "fail"],
  ["is to be tried again", { ...failed, retry: { spread: 1, delayMs: 1_000 } }, "delayed", "retry"],
  ["is lost", { ...failed, outcome: "lost", retry: { spread: 1, delayMs: 0 } }, "delayed", "lose"],
];

describe.each(testDrivers)("ends of processes beside their waits on $name", ({ isAvailable, open }) => {
  describe.skipIf(!isAvailable)("of a run", () => {
    let t: TestDatabase;
    beforeAll(async () => {
      t = await open();
    }, 60_000);
    afterAll(() => t.close());

    const place = async () => {
      const task = { id: "a", retry: { maxAttempts: 3 }, queue: { name: "q", concurrencyLimit: 5 } };
      const { environmentId, agentIds } = await seed(t, { tasks: [task], agents: 2 });
      const [agent = "", stranger = ""] = agentIds;
      const execute = async (over = {}) => {
        const [outcome] = await triggerRuns(t.db, [triggerItem(environmentId, "a", over)]);
        const runId = outcome?.runId ?? "";
        await claimRuns(t.db, claimRequest(agent, 100));
        await startRuns(t.db, agent, [{ runId, epoch: 1 }]);
        return runId;
      };
      const token = async () => {
        const id = newId("waitPoint");
        await createWaitPoint(t.db, {
          ...{ id, environmentId, kind: "token", dueAt: null, tags: [], runId: null },
          ...{ idempotencyKey: null, storedKey: null, keyExpiresAt: null },
        });
        return id;
      };
      const complete = (id: string) =>
        completeTokens(t.db, [{ id, environmentId, output: "1", outputType: "application/json" }]);
      const wait = (runId: string, id: string) =>
        waitRuns(t.db, agent, [{ runId, epoch: 1, waits: [{ kind: "token", id }] }]);
      const endOf = (runId: string, over: Partial<AttemptEnd> = {}): AttemptEnd => ({
        ...{ runId, epoch: 1, outcome: "completed", output: "1", outputType: "application/json" },
        ...{ error: null, finalState: "failed", retry: null, executedMs: 7, ...over },
      });
      const end = async (over: AttemptEnd, by = agent) =>
        (await endAttempts(t.db, by, [over])).results[0]?.kind;
      const run = async (id: string) =>
        (
          await t.query("select state, attempt, waits_open, waiting_agent_id from runs where id = $1", [id])
        )[0];
      const holds = async () => {
        expect(await brokenInvariants(t, environmentId)).toEqual([]);
        expect(await strayEvents(t, environmentId)).toEqual([]);
        const [row] = await t.query("select running from environment_slots where environment_id = $1", [
          environmentId,
        ]);
        return row?.running;
      };
      return { agent, stranger, environmentId, execute, token, complete, wait, endOf, end, run, holds };
    };
    const over = (state: string) => ({ state, attempt: 1, waits_open: 0, waiting_agent_id: null });

    test.each(ways)("a run whose process %s while it waits", async (_, how, state, move) => {
      const p = await place();
      const [id, other, token] = [await p.execute(), await p.execute(), await p.token()];
      await p.wait(id, token);
      expect(await p.end(p.endOf(id, how))).toBe("moved");
      expect(await p.run(id)).toEqual(over(state));
      expect(await p.end(p.endOf(id, how))).toBe("repeated");
      // The slot went with the wait: ending gives back none that the other run holds.
      expect(await p.holds()).toBe(1);
      await p.complete(token);
      expect(await p.run(id)).toEqual(over(state));
      const events = await t.query("select kind, from_state from run_events where run_id = $1 order by id", [
        id,
      ]);
      expect(events.at(-1)).toEqual({ kind: move, from_state: "waiting" });
      const [attempt] = await t.query("select executed_ms::int from attempts where run_id = $1", [id]);
      expect(attempt).toEqual({ executed_ms: 7 });
      expect(await p.run(other)).toMatchObject({ state: "executing" });
    });

    test.each(ways)(
      "a run whose process %s while it is queued for its agent",
      async (_, how, state, move) => {
        const p = await place();
        const [id, token] = [await p.execute(), await p.token()];
        await p.wait(id, token);
        await p.complete(token);
        expect(await p.run(id)).toMatchObject({ state: "queued", waiting_agent_id: p.agent });
        expect(await p.end(p.endOf(id, how))).toBe("moved");
        expect(await p.run(id)).toEqual(over(state));
        expect(await p.holds()).toBe(0);
        const events = await t.query(
          "select kind, from_state from run_events where run_id = $1 order by id",
          [id],
        );
        expect(events.at(-1)).toEqual({ kind: move, from_state: "queued" });
        expect(await claimRuns(t.db, claimRequest(p.agent, 5))).toMatchObject({ leases: [] });
      },
    );

    test.each(ways)("a run whose process %s while its continuation is under way", async (_, how, state) => {
      const p = await place();
      const [id, token] = [await p.execute(), await p.token()];
      await p.wait(id, token);
      await p.complete(token);
      expect(await claimRuns(t.db, claimRequest(p.agent, 5))).toMatchObject({
        leases: [{ runId: id, epoch: 2, isContinuation: true }],
      });
      expect(await p.end(p.endOf(id, how))).toBe("moved");
      expect(await p.run(id)).toEqual(over(state));
      expect(await p.holds()).toBe(0);
    });

    test("nobody but the agent that keeps the process ends it, and only under its epoch", async () => {
      const p = await place();
      const [id, token] = [await p.execute(), await p.token()];
      await p.wait(id, token);
      const refused = async () => {
        expect(await p.end(p.endOf(id), p.stranger)).toBe("refused");
        expect(await p.end(p.endOf(id, { epoch: 0 }))).toBe("refused");
        expect(await p.end(p.endOf(id, { epoch: 2 }))).toBe("refused");
      };
      await refused();
      expect(await p.run(id)).toMatchObject({ state: "waiting", waits_open: 1 });
      await p.complete(token);
      await refused();
      expect(await p.run(id)).toMatchObject({ state: "queued" });
      expect(await p.holds()).toBe(0);
    });

    test("an attempt that came after is not ended by the epoch of the one before", async () => {
      const p = await place();
      const [id, token] = [await p.execute(), await p.token()];
      await p.wait(id, token);
      await p.end(p.endOf(id, { ...failed, retry: { spread: 1, delayMs: 0 } }));
      await t.query("update runs set state = 'queued', due_at = null where id = $1", [id]);
      await t.query(
        "insert into queue_entries (run_id, lane_id, environment_id, position_at) select id, lane_id, environment_id, app_now() from runs where id = $1",
        [id],
      );
      await t.query("update lanes set has_work = true where environment_id = $1", [p.environmentId]);
      expect(await claimRuns(t.db, claimRequest(p.agent, 5))).toMatchObject({
        leases: [{ runId: id, epoch: 2, isContinuation: false }],
      });
      await startRuns(t.db, p.agent, [{ runId: id, epoch: 2 }]);
      expect(await p.end(p.endOf(id))).toBe("refused");
      expect(await p.run(id)).toMatchObject({ state: "executing", attempt: 2 });
    });

    test("a parent that ends beside its wait and its child, told in one report", async () => {
      const p = await place();
      const parent = await p.execute();
      const child = await p.execute({ parentRunId: parent, resumeParent: true });
      await waitRuns(t.db, p.agent, [{ runId: parent, epoch: 1, waits: [{ kind: "run", runId: child }] }]);
      const { results, hints } = await endAttempts(t.db, p.agent, [p.endOf(child), p.endOf(parent)]);
      expect(results).toMatchObject([{ kind: "moved" }, { kind: "moved" }]);
      expect(hints.agentIds).toEqual([]);
      expect(await p.run(parent)).toEqual(over("completed"));
      expect(await p.run(child)).toEqual(over("completed"));
      expect(await p.holds()).toBe(0);
    });

    test("who waits for a run that ends beside its own wait goes on", async () => {
      const p = await place();
      const parent = await p.execute();
      const child = await p.execute({ parentRunId: parent, resumeParent: true });
      await waitRuns(t.db, p.agent, [{ runId: parent, epoch: 1, waits: [{ kind: "run", runId: child }] }]);
      await p.wait(child, await p.token());
      const { hints } = await endAttempts(t.db, p.agent, [p.endOf(child)]);
      expect(hints.agentIds).toEqual([p.agent]);
      expect(await p.run(parent)).toMatchObject({ state: "queued" });
      expect(await p.holds()).toBe(0);
    });
  });
});
