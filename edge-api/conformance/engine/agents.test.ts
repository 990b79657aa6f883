import { completeDueWaits } from "@longshore/edge-api/db/transitions/complete-due-waits";
import { promoteDeployment } from "@longshore/edge-api/db/transitions/deployments";
import { triggerRuns } from "@longshore/edge-api/db/transitions/trigger-runs";
import { waitRuns } from "@longshore/edge-api/db/transitions/wait-runs";
import type { HeldRun, PollBody, PollResponse } from "@longshore/shared/contract/agent-protocol";
import { newId } from "@longshore/shared/core/ids";
import { describe, expect, test } from "vitest";
import { depsOf } from "./deps-of.ts";
import { describeAgents } from "./describe-agents.ts";
import { triggerItem } from "./fixture.ts";

describeAgents("agents", (t, { startProcess, place }) => {
  describe("an agent on which starts fail", () => {
    const failing = { heldBack: "the last start failed: no space", free: 1 };

    /** An API process that tells when a poll has parked. */
    const watched = () => {
      const { hints, ...deps } = startProcess();
      const parked = [() => {}];
      const listen: typeof hints.listen = async (topics) => {
        const listener = await hints.listen(topics);
        const wait: typeof listener.wait = (ms, signal) => {
          parked.shift()?.();
          return listener.wait(ms, signal);
        };
        return { ...listener, wait };
      };
      return {
        deps: { ...deps, hints: { ...hints, listen } },
        parks: () => new Promise<void>((resolve) => parked.splice(0, 1, resolve)),
      };
    };

    test.each(["failing", "well"])(
      "leaves a run to another, when the %s one was parked first",
      async (first) => {
        const p = await place();
        const { deps, parks } = watched();
        const cut = new AbortController();
        const ask = {
          failing: () => p.poll("boot_1", { ...failing, holdMs: 20_000 }, deps, cut.signal),
          well: () => p.pollByNeighbour("boot_1", { free: 1, holdMs: 20_000 }, deps),
        };
        const order = first === "failing" ? (["failing", "well"] as const) : (["well", "failing"] as const);
        const polls: Partial<Record<"failing" | "well", Promise<PollResponse>>> = {};
        for (const who of order) {
          const parking = parks();
          polls[who] = ask[who]();
          await parking;
        }
        const [made] = await triggerRuns(t.db, [triggerItem(p.environmentId, "a")]);
        await deps.hints.wakePool(p.poolId);
        expect((await polls.well)?.leases.map((lease) => lease.runId)).toEqual([made?.runId]);
        cut.abort();
        expect((await polls.failing)?.leases).toEqual([]);
      },
    );

    test("takes it where nobody else does", async () => {
      const p = await place();
      const [made] = await triggerRuns(t.db, [triggerItem(p.environmentId, "a")]);
      const { leases } = await p.poll("boot_1", failing);
      expect(leases.map((lease) => lease.runId)).toEqual([made?.runId]);
    });
  });

  test("an agent is told of code that becomes current, once, though it is parked", async () => {
    const p = await place();
    const first = await p.poll("boot_1");
    expect(first.bundles).toEqual([p.bundleHash]);
    expect((await p.poll("boot_1", { cursor: first.cursor })).bundles).toBeUndefined();
    const deps = startProcess();
    const parked = p.poll("boot_1", { cursor: first.cursor, holdMs: 20_000, free: 1 }, deps);
    await new Promise((resolve) => setTimeout(resolve, 300));
    await t.advance(60_000);
    const promoted = await promoteDeployment(t.db, {
      ...p.deployment,
      queues: [],
      limits: [],
      schedules: [],
    });
    expect(promoted).toMatchObject({ isCurrent: true });
    await deps.hints.wakePool(p.poolId);
    expect((await parked).bundles).toEqual([p.bundleHash]);
  });

  test("an answer says how long its poll was held before the leases were renewed", async () => {
    const p = await place();
    const deps = startProcess();
    const first = await p.poll("boot_1", { free: 1 }, deps);
    expect(first.renewedAfterMs).toBeLessThan(1_000);
    const beganMs = performance.now();
    const parked = p.poll("boot_1", { free: 1, cursor: first.cursor, holdMs: 20_000 }, deps);
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    await triggerRuns(t.db, [triggerItem(p.environmentId, "a")]);
    await deps.hints.wakePool(p.poolId);
    const { leases, renewedAfterMs } = await parked;
    expect(leases).toHaveLength(1);
    expect(renewedAfterMs).toBeGreaterThan(1_100);
    expect(renewedAfterMs).toBeLessThanOrEqual(performance.now() - beganMs);
  });

  describe("a new process of an agent", () => {
    test("loses nothing that it has begun when its first poll is handled late, or twice", async () => {
      const p = await place();
      const held = await p.begin("boot_2");
      await p.poll("boot_2");
      await p.poll("boot_2", { cursor: "" });
      await p.report("boot_2");
      expect(await p.run(held)).toMatchObject({ state: "executing", attempt: 1 });
    });

    test("loses what an earlier one had begun once, however many copies of its first poll are handled at once", async () => {
      const p = await place();
      const gone = await p.begin("boot_1");
      const kept = await p.begin("boot_1");
      await Promise.all(Array.from({ length: 4 }, () => p.poll("boot_2", { held: [kept] })));
      expect(await p.run(gone)).toMatchObject({ state: "delayed" });
      expect(await p.run(kept)).toMatchObject({ state: "executing" });
      const text =
        "select count(*)::int as count from run_events where run_id = $1 and from_state = 'executing'";
      expect(await t.query(text, [gone.runId])).toEqual([{ count: 1 }]);
    });

    test("says so in a report, when that comes before its first poll", async () => {
      const p = await place();
      const gone = await p.begin("boot_1");
      const kept = await p.begin("boot_1");
      const { cursor } = await p.report("boot_2", { held: [kept] });
      expect(await p.run(gone)).toMatchObject({ state: "delayed" });
      expect(await p.run(kept)).toMatchObject({ state: "executing" });
      await p.poll("boot_2", { cursor, held: [kept] });
      expect(await p.run(kept)).toMatchObject({ state: "executing" });
    });

    test("gives back at once what an earlier one had acknowledged and not begun", async () => {
      const p = await place();
      const gone = await p.take("boot_1");
      const kept = await p.take("boot_1");
      await p.poll("boot_2", { held: [kept] });
      expect(await p.run(gone)).toMatchObject({
        state: "delayed",
        attempt: 0,
        reason: "The agent was started again without this run, before it began.",
      });
      expect(await p.run(kept)).toMatchObject({ state: "leased" });
    });
  });

  test("a new process of an agent loses the waiting runs that it does not keep, and no others", async () => {
    const p = await place();
    const [gone, woken, kept] = [await p.begin("boot_1"), await p.begin("boot_1"), await p.begin("boot_1")];
    const at = (ms: number) => new Date(Date.now() + ms).toISOString();
    const wait = (held: HeldRun, dueAt: string) =>
      waitRuns(t.db, p.id, [{ ...held, waits: [{ kind: "time", id: newId("waitPoint"), at: dueAt }] }]);
    await wait(gone, at(3_600_000));
    await wait(kept, at(3_600_000));
    await wait(woken, at(600_000));
    await t.advance(1_200_000);
    await completeDueWaits(t.db);
    expect(await p.run(woken)).toMatchObject({ state: "queued" });
    await p.poll("boot_2", { held: [kept] });
    expect(await p.run(gone)).toMatchObject({ state: "delayed", attempt: 1 });
    expect(await p.run(woken)).toMatchObject({ state: "delayed", attempt: 1 });
    expect(await p.run(kept)).toMatchObject({ state: "waiting" });
    await p.poll("boot_2", { cursor: "" });
    expect(await p.run(kept)).toMatchObject({ state: "waiting" });
  });

  describe("what an agent says of itself", () => {
    const at = "2026-11-01T00:00:00.000Z";

    test("comes with its claim; a report leaves it as it is", async () => {
      const p = await place();
      const view = { warm: 3, heldBack: "the disk is full", lastError: { at, message: "no\0 space" } };
      const { cursor } = await p.poll("boot_1", { ...view, drainsItself: true });
      const all = { ...view, drainsItself: true, lastError: "no space" };
      expect(await p.seen()).toEqual(all);
      await p.report("boot_1", { cursor });
      expect(await p.seen()).toEqual(all);
      await p.poll("boot_1", { cursor });
      expect(await p.seen()).toEqual({ warm: 0, heldBack: null, lastError: null, drainsItself: false });
    });

    test("is written down by whichever process hears that it takes runs again, or no more", async () => {
      const p = await place();
      const [one, other] = [startProcess(), startProcess()];
      let cursor: string | null = null;
      const say = async (over: Partial<PollBody>, deps: typeof one) => {
        ({ cursor } = await p.poll("boot_1", { ...over, cursor }, deps));
        return p.seen();
      };
      for (let round = 0; round < 2; round++) {
        expect(await say({ heldBack: "full" }, one)).toMatchObject({ heldBack: "full" });
        expect(await say({}, other)).toMatchObject({ heldBack: null });
        expect(await say({ drainsItself: true }, one)).toMatchObject({ drainsItself: true });
        expect(await say({ heldBack: "full" }, one)).toMatchObject({ drainsItself: false, heldBack: "full" });
        expect(await say({}, one)).toMatchObject({ heldBack: null });
      }
    });

    test("stands right also when the answer to what it said was cut, and it takes that back", async () => {
      const p = await place();
      const deps = startProcess();
      const first = await p.poll("boot_1", {}, deps);
      const { cursor } = await p.poll("boot_1", { cursor: first.cursor }, deps);
      const cut = new AbortController();
      const parked = p.poll("boot_1", { cursor, heldBack: "full", holdMs: 20_000 }, deps, cut.signal);
      await expect.poll(p.seen).toMatchObject({ heldBack: "full" });
      cut.abort();
      await parked;
      await p.poll("boot_1", { cursor }, deps);
      expect(await p.seen()).toMatchObject({ heldBack: null });
    });

    test("costs an idle agent no statement while whether it takes runs stays the same", async () => {
      const p = await place();
      let statements = 0;
      const call: typeof t.db.call = (text, values) => {
        statements++;
        return t.db.call(text, values);
      };
      const deps = depsOf({ ...t.db, call });
      const view = { heldBack: "full" };
      const first = await p.poll("boot_1", view, deps);
      const { cursor } = await p.poll("boot_1", { ...view, cursor: first.cursor }, deps);
      statements = 0;
      await p.poll("boot_1", { ...view, cursor, warm: 1 }, deps);
      await p.poll("boot_1", { ...view, cursor, warm: 2, lastError: { at, message: "no" } }, deps);
      expect(statements).toBe(0);
      await p.poll("boot_1", { cursor }, deps);
      expect(statements).toBe(1);
    });
  });
});
