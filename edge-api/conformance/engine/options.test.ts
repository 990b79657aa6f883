import { cancelRuns } from "@longshore/edge-api/db/transitions/cancel-runs";
import { changeQueue } from "@longshore/edge-api/db/transitions/change-queue";
import { claimRuns } from "@longshore/edge-api/db/transitions/claim-runs";
import { endAttempts } from "@longshore/edge-api/db/transitions/end-attempts";
import { openLane } from "@longshore/edge-api/db/transitions/open-lane";
import { promoteDueRuns } from "@longshore/edge-api/db/transitions/promote-due-runs";
import { type PushBack, pushBackRun } from "@longshore/edge-api/db/transitions/push-back-run";
import { settleLanes } from "@longshore/edge-api/db/transitions/settle-lanes";
import { startRuns } from "@longshore/edge-api/db/transitions/start-runs";
import { type TriggerItem, triggerRuns } from "@longshore/edge-api/db/transitions/trigger-runs";
import { waitRuns } from "@longshore/edge-api/db/transitions/wait-runs";
import { newId } from "@longshore/shared/core/ids";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  cancelOne,
  claimRequest,
  seed,
  type TaskSpec,
  type TestDatabase,
  testDrivers,
  triggerItem,
  triggerLinked,
} from "./fixture.ts";

describe.each(testDrivers)("options of a trigger on $name", ({ isAvailable, open }) => {
  describe.skipIf(!isAvailable)("in the engine", () => {
    let t: TestDatabase;
    beforeAll(async () => {
      t = await open();
    }, 60_000);
    afterAll(() => t.close());

    const place = async (tasks: TaskSpec[] = [{ id: "a" }], runningMax = 100) => {
      const { environmentId, agentIds } = await seed(t, { tasks, agents: 1, runningMax });
      const agent = agentIds[0] ?? "";
      const raw = (over: Partial<TriggerItem> = {}, task = "a") => {
        const gatesKey = over.gates == null ? null : JSON.stringify(over.gates);
        return triggerLinked(t.db, triggerItem(environmentId, task, { gatesKey, ...over }));
      };
      /** As the service does: a lane under limits is made first. */
      const trigger = async (over: Partial<TriggerItem> = {}, task = "a") => {
        const outcome = await raw(over, task);
        if (outcome.kind !== "lane_missing") return outcome;
        const gates = over.gates ?? [];
        await openLane(t.db, {
          laneId: newId("lane"),
          environmentId,
          queueId: outcome.queueId ?? "",
          concurrencyKey: over.concurrencyKey ?? "",
          limitsKey: outcome.limitsKey,
          limitNames: outcome.limitNames,
          place: outcome.place,
          placelessLaneId: newId("lane"),
          gates,
          slotIds: outcome.limitNames.flatMap(() => [newId("limitSlot"), newId("limitSlot")]),
          gateLaneIds: gates.map(() => newId("lane")),
        });
        return raw(over, task);
      };
      const limit = (name: string, bounds: { total?: number; perKey?: number }) =>
        t.query(
          "insert into concurrency_limits (id, environment_id, name, total, per_key) values ($1, $2, $3, $4, $5)",
          [newId("concurrencyLimit"), environmentId, name, bounds.total ?? null, bounds.perKey ?? null],
        );
      const claim = async (free: number) => {
        const answer = await claimRuns(t.db, claimRequest(agent, free));
        if (answer.kind !== "claimed") throw new Error(answer.kind);
        await startRuns(
          t.db,
          agent,
          answer.leases.map(({ runId, epoch }) => ({ runId, epoch })),
        );
        return answer.leases;
      };
      const end = (runs: readonly { runId: string; epoch: number }[], over = {}) =>
        endAttempts(
          t.db,
          agent,
          runs.map(({ runId, epoch }) => ({
            ...{ runId, epoch, outcome: "completed" as const, output: "1", outputType: "application/json" },
            ...{ error: null, finalState: "failed" as const, retry: null, executedMs: 1 },
            ...over,
          })),
        );
      const state = async (id: string | null) =>
        (await t.query("select state from runs where id = $1", [id]))[0]?.state;
      /** Every counter is what its leases say. */
      const counts = async () => {
        const [row] = await t.query(
          `select
            (select coalesce(sum(running), 0)::int from limit_slots where environment_id = $1) as slots,
            (select coalesce(sum(running), 0)::int from lanes where environment_id = $1) as lanes,
            (select running from environment_slots where environment_id = $1) as env`,
          [environmentId],
        );
        return row;
      };
      return { environmentId, agent, raw, trigger, limit, claim, end, state, counts };
    };

    describe("named limits", () => {
      test("a total holds over queues and keys, and what comes free is used at once", async () => {
        const p = await place([{ id: "a" }, { id: "b" }]);
        await p.limit("api", { total: 2 });
        for (const key of ["x", "y", "z"]) {
          await p.trigger({ limits: ["api"], concurrencyKey: key });
          await p.trigger({ limits: ["api"], concurrencyKey: key }, "b");
        }
        const first = await p.claim(10);
        expect(first).toHaveLength(2);
        expect(await p.claim(10)).toHaveLength(0);
        await p.end(first);
        const done = new Set(first.map(({ runId }) => runId));
        for (let round = 0; round < 2; round++) {
          const next = await p.claim(10);
          expect(next).toHaveLength(2);
          for (const { runId } of next) expect(done.has(runId)).toBe(false);
          for (const { runId } of next) done.add(runId);
          await p.end(next);
        }
        expect(done.size).toBe(6);
        expect(await p.counts()).toEqual({ slots: 0, lanes: 0, env: 0 });
      });

      test("a limit per key holds for each key alone", async () => {
        const p = await place();
        await p.limit("user", { perKey: 1 });
        for (const key of ["x", "x", "y", "y"]) await p.trigger({ limits: ["user"], concurrencyKey: key });
        const first = await p.claim(10);
        expect(first).toHaveLength(2);
        await p.end(first);
        expect(await p.claim(10)).toHaveLength(2);
      });

      test("two limits hold together, and a full one does not stop runs of the other", async () => {
        const p = await place();
        await p.limit("one", { total: 1 });
        await p.limit("two", { total: 2 });
        const both = await p.trigger({ limits: ["one", "two"], concurrencyKey: "a" });
        await p.trigger({ limits: ["one", "two"], concurrencyKey: "b" });
        const other = await p.trigger({ limits: ["two"], concurrencyKey: "c" });
        const claimed = [...(await p.claim(10)), ...(await p.claim(10))];
        expect(claimed.map(({ runId }) => runId).sort()).toEqual([both.runId, other.runId].sort());
        await p.end(claimed);
        expect(await p.claim(10)).toHaveLength(1);
      });

      test("lanes that stand aside do not take the turn of those that can go", async () => {
        const p = await place();
        await p.limit("busy", { total: 1 });
        for (let key = 0; key < 30; key++) await p.trigger({ limits: ["busy"], concurrencyKey: `k${key}` });
        expect(await p.claim(1)).toHaveLength(1);
        const free = await p.trigger({ concurrencyKey: "free" });
        const claimed = [];
        for (let round = 0; round < 4 && claimed.length === 0; round++) claimed.push(...(await p.claim(1)));
        expect(claimed.map(({ runId }) => runId)).toEqual([free.runId]);
      });

      test("a paused limit starts nothing; a lane that missed its call is found by the sweep", async () => {
        const p = await place();
        await p.limit("api", { total: 1 });
        await p.trigger({ limits: ["api"] });
        await t.query("update limit_slots set paused = true where environment_id = $1", [p.environmentId]);
        expect(await p.claim(1)).toHaveLength(0);
        await t.query("update limit_slots set paused = false where environment_id = $1", [p.environmentId]);
        expect(await p.claim(1)).toHaveLength(0);
        expect((await settleLanes(t.db, null)).environmentIds).toContain(p.environmentId);
        expect(await p.claim(1)).toHaveLength(1);
      });

      test("a waiting run gives its limit's slot back and takes it again", async () => {
        const p = await place();
        await p.limit("api", { total: 1 });
        const parent = await p.trigger({ limits: ["api"] });
        const [lease] = await p.claim(1);
        const child = await p.trigger({ limits: ["api"], parentRunId: parent.runId, resumeParent: true });
        const waits = [{ kind: "run" as const, runId: child.runId ?? "" }];
        await waitRuns(t.db, p.agent, [{ runId: lease?.runId ?? "", epoch: lease?.epoch ?? 0, waits }]);
        const below = await p.claim(1);
        expect(below.map(({ runId }) => runId)).toEqual([child.runId]);
        await p.end(below);
        expect((await p.claim(1)).map(({ runId, epoch }) => [runId, epoch])).toEqual([[parent.runId, 2]]);
      });

      test("a limit that is not declared is named", async () => {
        const p = await place();
        expect(await p.trigger({ limits: ["nope"] })).toMatchObject({ kind: "lane_missing" });
      });
    });

    test("a gate takes a slot of the other queue while the run executes", async () => {
      const p = await place([{ id: "a" }, { id: "b", queue: { name: "narrow", concurrencyLimit: 1 } }]);
      const gate = [{ queue: "narrow", concurrencyKey: null }];
      await p.trigger({ gates: gate });
      await p.trigger({ gates: gate });
      const own = await p.trigger({}, "b");
      const first = await p.claim(10);
      expect(first).toHaveLength(1);
      await p.end(first);
      const second = await p.claim(10);
      expect(second).toHaveLength(1);
      await p.end(second);
      const third = await p.claim(10);
      await p.end(third);
      expect(
        [...first, ...second, ...third].map(({ runId }) => runId),
        "each had its turn",
      ).toContain(own.runId);
      expect(await p.counts()).toEqual({ slots: 0, lanes: 0, env: 0 });
    });

    test("a run behind a gate goes on when the gate's own run lets go of its slot", async () => {
      const p = await place([{ id: "a" }, { id: "b", queue: { name: "narrow", concurrencyLimit: 1 } }]);
      await p.trigger({}, "b");
      const own = await p.claim(1);
      const gated = await p.trigger({ gates: [{ queue: "narrow", concurrencyKey: null }] });
      expect(await p.claim(1)).toHaveLength(0);
      await p.end(own);
      expect((await p.claim(1)).map(({ runId }) => runId)).toEqual([gated.runId]);
    });

    test("a run that stood aside for a paused gate goes on when the gate is resumed", async () => {
      const p = await place([{ id: "a" }, { id: "b", queue: { name: "narrow", concurrencyLimit: 1 } }]);
      const narrow = { environmentId: p.environmentId, by: "custom", value: "narrow" } as const;
      await changeQueue(t.db, narrow, { paused: true });
      const gated = await p.trigger({ gates: [{ queue: "narrow", concurrencyKey: null }] });
      expect(await p.claim(1)).toHaveLength(0);
      await changeQueue(t.db, narrow, { paused: false });
      expect((await p.claim(1)).map(({ runId }) => runId)).toEqual([gated.runId]);
    });

    describe("policies of a queue", () => {
      const withPolicy = async (policy: string) => {
        const p = await place();
        await t.query("update queues set policy = $2 where environment_id = $1", [p.environmentId, policy]);
        return p;
      };

      test("skip: while one is active, a trigger is answered with that one", async () => {
        const p = await withPolicy("skip");
        const first = await p.trigger();
        expect(await p.trigger()).toMatchObject({ kind: "cached", runId: first.runId });
        expect(await p.trigger({ concurrencyKey: "other" })).toMatchObject({ kind: "created" });
        const claimed = await p.claim(10);
        expect(await p.trigger()).toMatchObject({ kind: "cached", runId: first.runId });
        await p.end(claimed);
        expect(await p.trigger()).toMatchObject({ kind: "created" });
      });

      test("replace: a trigger names the run whose place it took", async () => {
        const p = await withPolicy("replace");
        const first = await p.trigger();
        const second = await p.trigger();
        expect(second).toMatchObject({ kind: "created", replacedRunId: first.runId });
        expect(await p.trigger()).toMatchObject({ replacedRunId: second.runId });
      });

      test("of triggers in one statement one wins, and the others see it next time", async () => {
        const p = await withPolicy("skip");
        const items = Array.from({ length: 5 }, () => triggerItem(p.environmentId, "a"));
        const outcomes = await triggerRuns(t.db, items);
        expect(outcomes.map(({ kind }) => kind).sort()).toEqual([
          ...["again", "again", "again", "again"],
          "created",
        ]);
        expect(await p.trigger()).toMatchObject({ kind: "cached" });
      });
    });

    describe("debounce", () => {
      const push = (environmentId: string, over: Partial<PushBack> = {}) =>
        pushBackRun(t.db, {
          ...triggerItem(environmentId, "a"),
          ...{ key: "k", delayMs: 5_000, maxDelayMs: null, replaces: false },
          ...over,
        });
      const soon = async (ms: number) =>
        String(
          (await t.query(`select (app_now() + $1 * interval '1 millisecond')::text as at`, [ms]))[0]?.at,
        );
      const dueInMs = async (id: string | null) =>
        Number(
          (
            await t.query(
              "select 1000 * extract(epoch from due_at - app_now()) as ms from runs where id = $1",
              [id],
            )
          )[0]?.ms,
        );

      test("a second trigger puts the first off instead of making another", async () => {
        const p = await place();
        expect(await push(p.environmentId)).toBeNull();
        const first = await p.trigger({ debounceKey: "k", delayUntil: await soon(5_000) });
        expect(await p.trigger({ debounceKey: "k", delayUntil: await soon(5_000) })).toMatchObject({
          kind: "again",
        });
        await t.advance(3_000);
        expect(await push(p.environmentId, { payload: '"new"' })).toBe(first.runId);
        expect(await dueInMs(first.runId)).toBe(5_000);
        expect((await t.query("select payload from runs where id = $1", [first.runId]))[0]?.payload).toBe(
          "{}",
        );
        await push(p.environmentId, { payload: '"new"', tags: ["t"], replaces: true });
        expect((await t.query("select payload, tags from runs where id = $1", [first.runId]))[0]).toEqual({
          payload: '"new"',
          tags: ["t"],
        });
      });

      test("it is put off no further than its longest delay, and queued it is let be", async () => {
        const p = await place();
        const first = await p.trigger({ debounceKey: "k", delayUntil: await soon(5_000) });
        await t.advance(4_000);
        await push(p.environmentId, { maxDelayMs: 6_000 });
        expect(await dueInMs(first.runId)).toBe(2_000);
        await t.advance(2_000);
        await promoteDueRuns(t.db);
        expect(await push(p.environmentId)).toBeNull();
        const second = await p.trigger({ debounceKey: "k", delayUntil: await soon(5_000) });
        expect(second).toMatchObject({ kind: "created" });
        expect(second.runId).not.toBe(first.runId);
      });

      test("an idempotency key that is known decides before the debounce", async () => {
        const p = await place();
        const key = { idempotencyKey: "i", idempotencyExpiresAt: "2999-01-01T00:00:00.000Z" };
        const known = await p.trigger(key);
        await p.trigger({ debounceKey: "k", delayUntil: await soon(5_000) });
        expect(await push(p.environmentId, key)).toBeNull();
        expect(await p.trigger({ ...key, debounceKey: "k", delayUntil: await soon(5_000) })).toMatchObject({
          kind: "cached",
          runId: known.runId,
        });
      });
    });

    test("a repeated request is answered with its run, with an idempotency key or without", async () => {
      const p = await place();
      const plain = await p.trigger({ requestKey: "r1" });
      expect(await p.trigger({ requestKey: "r1" })).toMatchObject({ kind: "replayed", runId: plain.runId });
      const key = { idempotencyKey: "i", idempotencyExpiresAt: "2999-01-01T00:00:00.000Z" };
      const keyed = await p.trigger({ ...key, requestKey: "r2" });
      expect(await p.trigger({ ...key, requestKey: "r2" })).toMatchObject({
        kind: "replayed",
        runId: keyed.runId,
      });
      expect(await p.trigger({ ...key, requestKey: "r3" })).toMatchObject({
        kind: "cached",
        runId: keyed.runId,
      });
    });

    test("two runs cannot come to wait for each other", async () => {
      const p = await place();
      const key = { idempotencyKey: "i", idempotencyExpiresAt: "2999-01-01T00:00:00.000Z" };
      const root = await p.trigger(key);
      const [lease] = await p.claim(1);
      const child = await p.trigger({ parentRunId: root.runId, resumeParent: true });
      const waits = [{ kind: "run" as const, runId: child.runId ?? "" }];
      await waitRuns(t.db, p.agent, [{ runId: lease?.runId ?? "", epoch: 1, waits }]);
      await p.claim(1);
      expect(await p.trigger({ ...key, parentRunId: child.runId, resumeParent: true })).toMatchObject({
        kind: "deadlock",
        runId: root.runId,
      });
      expect(await p.trigger({ ...key, parentRunId: child.runId })).toMatchObject({ kind: "cached" });
    });

    test("a cancel reaches what the run triggered: at once what rests, by request what executes", async () => {
      const p = await place();
      const root = await p.trigger();
      const [lease] = await p.claim(1);
      const waited = await p.trigger({ parentRunId: root.runId, resumeParent: true });
      const delayed = await p.trigger({ parentRunId: root.runId, delayUntil: "2999-01-01T00:00:00.000Z" });
      await p.claim(1);
      const grandchild = await p.trigger({ parentRunId: waited.runId });
      const waits = [{ kind: "run" as const, runId: waited.runId ?? "" }];
      await waitRuns(t.db, p.agent, [{ runId: lease?.runId ?? "", epoch: 1, waits }]);
      const answer = await cancelOne(t.db, p.environmentId, root.runId ?? "");
      expect(answer).toMatchObject({ kind: "moved", hints: { agentIds: [p.agent] } });
      const states = await Promise.all(
        [root, waited, delayed, grandchild].map(({ runId }) => p.state(runId)),
      );
      expect(states).toEqual(["canceled", "executing", "canceled", "canceled"]);
      expect(await p.trigger({ parentRunId: waited.runId })).toMatchObject({ kind: "parent_missing" });
      await p.end([{ runId: waited.runId ?? "", epoch: 1 }], { outcome: "canceled", output: null });
      expect(await p.state(root.runId)).toBe("canceled");
      expect(await p.counts()).toEqual({ slots: 0, lanes: 0, env: 0 });
    });

    test("a cancel passes what is over: it reaches what a finished child left behind", async () => {
      const p = await place();
      const root = await p.trigger();
      await p.claim(1);
      const child = await p.trigger({ parentRunId: root.runId });
      const lease = await p.claim(1);
      const left = await p.trigger({ parentRunId: child.runId, delayUntil: "2999-01-01T00:00:00.000Z" });
      const below = await p.trigger({ parentRunId: left.runId });
      await p.end(lease);
      const { environmentId } = p;
      const answer = await cancelRuns(t.db, { environmentId, runIds: [root.runId ?? ""], reason: "asked" });
      expect(answer).toMatchObject({ results: [{ kind: "requested" }], belowCount: 2 });
      const states = await Promise.all([root, child, left, below].map(({ runId }) => p.state(runId)));
      expect(states).toEqual(["executing", "completed", "canceled", "canceled"]);
    });

    test("too little memory: one more attempt on the larger machine, however few were allowed", async () => {
      const retry = { maxAttempts: 1, outOfMemory: { machine: "large-1x" } };
      const p = await place([{ id: "a", retry }]);
      const { runId } = await p.trigger();
      const oom = {
        ...{ outcome: "failed", output: null, finalState: "crashed", isOutOfMemory: true },
        error: { type: "INTERNAL_ERROR", code: "TASK_PROCESS_OOM_KILLED" },
      };
      await p.end(await p.claim(1), oom);
      expect(await p.state(runId)).toBe("delayed");
      await promoteDueRuns(t.db);
      const [lease] = await p.claim(1);
      expect(lease).toMatchObject({ runId, machine: "large-1x" });
      await p.end([{ runId: runId ?? "", epoch: 2 }], oom);
      expect(await p.state(runId)).toBe("crashed");
    });
  });
});
