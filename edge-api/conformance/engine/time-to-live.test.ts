import { expireNamedRuns, expireRuns } from "@longshore/edge-api/db/transitions/expire-runs";
import { promoteDueRuns } from "@longshore/edge-api/db/transitions/promote-due-runs";
import { releaseRuns } from "@longshore/edge-api/db/transitions/release-runs";
import { startRuns } from "@longshore/edge-api/db/transitions/start-runs";
import { triggerRuns } from "@longshore/edge-api/db/transitions/trigger-runs";
import type { Principal } from "@longshore/edge-api/services/authenticate";
import { triggerRun } from "@longshore/edge-api/services/trigger-run";
import { triggerAll } from "@longshore/edge-api/services/write-triggers";
import type { TriggerOptions } from "@longshore/shared/contract/trigger";
import { describe, expect, test } from "vitest";
import { countStatements } from "./count-statements.ts";
import { depsOf } from "./deps-of.ts";
import { describeMoves } from "./describe-moves.ts";
import { triggerItem } from "./fixture.ts";
import { brokenInvariants } from "./invariants.ts";

const tasks = [
  { id: "a" },
  { id: "skip", queue: { name: "skip", policy: "skip" } },
  { id: "replace", queue: { name: "replace", policy: "replace" } },
];
const forever = { idempotencyKey: "k", idempotencyExpiresAt: "2999-01-01T00:00:00.000Z" };

describeMoves("times to live", (t, place) => {
  /** What users meet: triggers with options, and a run that has outlived its time without anyone having looked. */
  const service = async () => {
    const p = await place(tasks);
    const principal: Principal = { kind: "key", environmentId: p.environmentId, scopes: null };
    const requestOf = (options: TriggerOptions, task = "a") => ({
      ...{ task, body: { options }, requestKey: null, idempotencyKey: null, idempotencyKeyTtl: null },
    });
    const triggerOne = async (options: TriggerOptions, task = "a", groupsCommits = false) => {
      const deps = { ...depsOf(t.db), groupsCommits };
      const { id, isCached } = await triggerRun(deps, principal, requestOf(options, task));
      return { id, isCached };
    };
    const triggerMany = async (requests: ReturnType<typeof requestOf>[]) =>
      (await triggerAll(depsOf(t.db), p.environmentId, requests)).map((result) => {
        if (result.kind === "error") throw result.error;
        return { id: result.id, isCached: result.isCached };
      });
    const outlived = async (options: TriggerOptions, task = "a") => {
      const { id } = await triggerOne({ ...options, ttl: 1 }, task);
      await t.advance(1_000);
      return id;
    };
    return { ...p, requestOf, triggerOne, triggerMany, outlived };
  };

  test("a run that was never started expires and frees its idempotency key", async () => {
    const p = await place([{ id: "a" }]);
    const key = { idempotencyKey: "k", idempotencyExpiresAt: "2999-01-01T00:00:00.000Z" };
    const id = await p.trigger("a", { ttlMs: 1_000, ...key });
    expect(await p.trigger("a", key)).toBe(id);
    await t.advance(1_001);
    expect((await expireRuns(t.db)).count).toBe(1);
    expect(await p.run(id)).toMatchObject({ state: "expired" });
    expect(await p.trigger("a", key)).not.toBe(id);
  });

  test("a run that has outlived its time is not started, and keeps nobody back", async () => {
    const p = await place([{ id: "a" }]);
    const late = await p.trigger("a", { ttlMs: 1_000 });
    const now = Date.parse(String((await t.query("select app_now() as now"))[0]?.now));
    const delayUntil = new Date(now + 500).toISOString();
    const delayed = await p.trigger("a", { ttlMs: 1_000, delayUntil });
    const next = await p.trigger("a");
    await t.advance(600);
    await promoteDueRuns(t.db);
    await t.advance(1_001);
    // The second claim repeats the lease of the first, which the agent has not acknowledged.
    for (const free of [1, 5]) expect((await p.claim(free)).leases.map(({ runId }) => runId)).toEqual([next]);
    expect((await expireRuns(t.db)).count).toBe(2);
    for (const id of [late, delayed]) expect(await p.run(id)).toMatchObject({ state: "expired" });
  });

  test("lanes of nothing but what has outlived its time give way to others", async () => {
    const p = await place([{ id: "a" }]);
    for (let nth = 0; nth < 20; nth++) await p.trigger("a", { ttlMs: 1_000, concurrencyKey: `k${nth}` });
    const live = await p.trigger("a", { concurrencyKey: "live" });
    await t.advance(1_001);
    const first = await p.claim(1);
    expect(first).toMatchObject({ passedOver: true, leases: [] });
    expect((await p.claim(1)).leases.map(({ runId }) => runId)).toEqual([live]);
  });

  test("time to live is counted from the end of a delay, and not any more once a run was claimed", async () => {
    const p = await place([{ id: "a" }]);
    const now = Date.parse(String((await t.query("select app_now() as now"))[0]?.now));
    const delayUntil = new Date(now + 500).toISOString();
    const late = await p.trigger("a", { ttlMs: 1_000, delayUntil });
    await t.advance(3_600_000); // nobody was there
    await promoteDueRuns(t.db);
    expect((await p.claim(1)).leases).toEqual([]);
    await expireRuns(t.db);
    expect(await p.run(late)).toMatchObject({ state: "expired" });
    const released = await p.trigger("a", { ttlMs: 1_000 });
    await p.claim(1);
    await releaseRuns(t.db, p.agent, [{ runId: released, epoch: 1, reason: "no room", retryable: true }]);
    await t.advance(3_600_000);
    await promoteDueRuns(t.db);
    expect((await p.claim(1)).leases.map(({ runId }) => runId)).toEqual([released]);
  });

  describe("of a run that a trigger meets", () => {
    test("a trigger makes nothing beside it and names it; once it is ended the key is free", async () => {
      const p = await place(tasks);
      const late = await p.trigger("a", { ttlMs: 1_000, ...forever });
      const other = await p.trigger("a", { ttlMs: 1_000 });
      const young = await p.trigger("a", { ttlMs: 2_000 });
      expect(await p.trigger("a", forever)).toBe(late);
      await t.advance(1_000);
      const again = () => triggerRuns(t.db, [triggerItem(p.environmentId, "a", forever)]);
      expect(await again()).toMatchObject([{ kind: "expired", runId: late }]);
      expect(await p.run(late)).toMatchObject({ state: "queued" });
      expect(await expireNamedRuns(t.db, [late, young, "run_none"])).toMatchObject({ count: 1 });
      expect(await p.run(late)).toMatchObject({ state: "expired" });
      for (const id of [other, young]) expect(await p.run(id)).toMatchObject({ state: "queued" });
      expect(await again()).toMatchObject([{ kind: "created" }]);
      expect(await again()).toMatchObject([{ kind: "cached" }]);
      expect(await brokenInvariants(t, p.environmentId)).toEqual([]);
    });

    test("its key is free for the next, and the sweep does not take it away again", async () => {
      const p = await service();
      const late = await p.outlived({ idempotencyKey: "k" });
      const trigger = () => p.triggerOne({ idempotencyKey: "k" });
      const next = await trigger();
      expect(next).toMatchObject({ isCached: false });
      expect(next).not.toMatchObject({ id: late });
      await expireRuns(t.db);
      expect(await p.run(late)).toMatchObject({ state: "expired" });
      expect(await trigger()).toEqual({ ...next, isCached: true });
    });

    test.each(["skip", "replace"])("it is not active for a queue with the policy %s", async (task) => {
      const p = await service();
      const late = await p.outlived({}, task);
      const next = await p.triggerOne({}, task);
      expect(next).toMatchObject({ isCached: false });
      expect(next).not.toMatchObject({ id: late });
      expect(await p.run(late)).toMatchObject({ state: "expired", cancel_requested_at: null });
      expect((await p.claim(5)).leases).toMatchObject([{ task }]);
    });

    test("a key that names another run decides before the place of its queue does", async () => {
      const p = await service();
      const kept = await p.triggerOne({ idempotencyKey: "k", concurrencyKey: "x" }, "skip");
      const late = await p.outlived({ concurrencyKey: "y" }, "skip");
      const options = { idempotencyKey: "k", concurrencyKey: "y" };
      expect(await p.triggerOne(options, "skip")).toEqual({ ...kept, isCached: true });
      expect(await p.run(late)).toMatchObject({ state: "queued" });
    });

    test("items that are sent together make one run of its key", async () => {
      const p = await service();
      const late = await p.outlived({ idempotencyKey: "k" });
      const item = p.requestOf({ idempotencyKey: "k" });
      const [first, second, third] = await p.triggerMany([item, p.requestOf({}), item]);
      expect(first).toMatchObject({ isCached: false });
      expect(first).not.toMatchObject({ id: late });
      expect(second).toMatchObject({ isCached: false });
      expect(third).toEqual({ ...first, isCached: true });
    });

    test("however many such runs a group meets, it takes two statements more", async () => {
      const p = await service();
      const requests = Array.from({ length: 30 }, (_, nth) =>
        p.requestOf({ idempotencyKey: `k${nth}`, ttl: 1 }),
      );
      const late = await p.triggerMany(requests);
      await t.advance(1_000);
      const { db, statements } = countStatements(t.db);
      const results = await triggerAll(depsOf(db), p.environmentId, requests);
      const ids = results.map((result) => (result.kind === "ok" && !result.isCached ? result.id : null));
      expect(new Set([...ids, ...late.map(({ id }) => id)]).size).toBe(60);
      expect(ids).not.toContain(null);
      const plain = countStatements(t.db);
      await triggerAll(depsOf(plain.db), p.environmentId, [p.requestOf({}), p.requestOf({})]);
      expect(statements()).toBe(plain.statements() + 2);
    });

    test.each([
      ["one statement each", false],
      ["statements shared", true],
    ])("20 triggers at once with its key, %s, make one run", async (_name, groupsCommits) => {
      const p = await service();
      const late = await p.outlived({ idempotencyKey: "k" });
      const trigger = () => p.triggerOne({ idempotencyKey: "k" }, "a", groupsCommits);
      const triggers = Promise.all(Array.from({ length: 20 }, trigger));
      const [handles] = await Promise.all([triggers, expireRuns(t.db)]);
      expect(handles.filter(({ isCached }) => !isCached)).toHaveLength(1);
      expect(new Set(handles.map(({ id }) => id)).size).toBe(1);
      const rows = await t.query("select id, state from runs where environment_id = $1 order by id", [
        p.environmentId,
      ]);
      expect(rows).toEqual([
        { id: late, state: "expired" },
        { id: handles[0]?.id, state: "queued" },
      ]);
    });

    test("the request that made it still gets it: it asks for no other", async () => {
      const p = await place(tasks);
      const over = { ttlMs: 1_000, requestKey: "r", ...forever };
      const late = await p.trigger("a", over);
      await t.advance(1_000);
      expect(await triggerRuns(t.db, [triggerItem(p.environmentId, "a", over)])).toMatchObject([
        { kind: "replayed", runId: late },
      ]);
    });

    test("a parent that wants to wait for it gets the new run", async () => {
      const p = await service();
      const { id: parentRunId } = await p.triggerOne({});
      await p.claim(1);
      await startRuns(t.db, p.agent, [{ runId: parentRunId, epoch: 1 }]);
      const late = await p.outlived({ idempotencyKey: "k" });
      const options = { idempotencyKey: "k", parentRunId, resumeParentOnCompletion: true };
      const child = await p.triggerOne(options);
      expect(child).toMatchObject({ isCached: false });
      const links = await t.query(
        `select p.child_run_id as id from run_waits w join wait_points p on p.id = w.wait_point_id where w.run_id = $1`,
        [parentRunId],
      );
      expect(links).toEqual([{ id: child.id }]);
      expect(child.id).not.toBe(late);
    });
  });
});
