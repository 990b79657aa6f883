import { readSituation } from "@longshore/edge-api/db/queries/read-run-history";
import { readScale } from "@longshore/edge-api/db/queries/read-scale";
import { changeQueue } from "@longshore/edge-api/db/transitions/change-queue";
import type { Room } from "@longshore/edge-api/db/transitions/claim-request";
import { claimRuns } from "@longshore/edge-api/db/transitions/claim-runs";
import { endAttempts } from "@longshore/edge-api/db/transitions/end-attempts";
import { openLane } from "@longshore/edge-api/db/transitions/open-lane";
import { startRuns } from "@longshore/edge-api/db/transitions/start-runs";
import { type TriggerItem, triggerRuns } from "@longshore/edge-api/db/transitions/trigger-runs";
import { waitRuns } from "@longshore/edge-api/db/transitions/wait-runs";
import { explain } from "@longshore/edge-api/domain/explain";
import { claimWork } from "@longshore/edge-api/services/claim-work";
import { pollWork } from "@longshore/edge-api/services/poll-work";
import { newId } from "@longshore/shared/core/ids";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { depsOf } from "./deps-of.ts";
import {
  cancelOne,
  claimRequest,
  seed,
  type TaskSpec,
  type TestDatabase,
  testDrivers,
  triggerItem,
} from "./fixture.ts";
import { brokenInvariants } from "./invariants.ts";

type Claimed = { runId: string; epoch: number };

describe.each(testDrivers)("placement on $name", ({ open }) => {
  let t: TestDatabase;
  beforeAll(async () => {
    t = await open();
  }, 60_000);
  afterAll(() => t?.close());

  const place = async (tasks: TaskSpec[] = [{ id: "a" }], agents = 1) => {
    const seeded = await seed(t, { tasks, agents });
    const { environmentId, agentIds } = seeded;
    /** As the service does: the lane of a region is made first. */
    const trigger = async (over: Partial<TriggerItem> = {}, task = "a"): Promise<string> => {
      const item = triggerItem(environmentId, task, over);
      for (;;) {
        const [outcome] = await triggerRuns(t.db, [item]);
        if (outcome?.kind === "created") return item.id;
        expect(outcome?.kind).toBe("lane_missing");
        const opened = await openLane(t.db, {
          ...{ laneId: newId("lane"), environmentId, queueId: outcome?.queueId ?? "" },
          ...{ concurrencyKey: item.concurrencyKey, limitsKey: outcome?.limitsKey ?? "" },
          ...{ region: outcome?.region ?? "", limitNames: outcome?.limitNames ?? [], gates: [] },
          slotIds: (outcome?.limitNames ?? []).flatMap(() => [newId("limitSlot"), newId("limitSlot")]),
          gateLaneIds: [],
          placelessLaneId: newId("lane"),
        });
        expect(opened).toEqual({ missingLimits: [], missingGates: [] });
      }
    };
    const request = (over: { region?: string; free?: number; room?: Room; nth?: number; held?: Claimed[] }) =>
      claimRequest(agentIds[over.nth ?? 0] ?? "", over.free ?? 10, {
        labels: over.region === undefined ? {} : { region: over.region },
        room: over.room ?? null,
        held: over.held ?? [],
      });
    const claim = async (over: Parameters<typeof request>[0] = {}): Promise<Claimed[]> => {
      const answer = await claimRuns(t.db, request(over));
      if (answer.kind !== "claimed") throw new Error(answer.kind);
      return answer.leases.map(({ runId, epoch }) => ({ runId, epoch }));
    };
    const ids = async (over: Parameters<typeof request>[0] = {}) =>
      (await claim(over)).map(({ runId }) => runId).sort();
    const end = async (leases: Claimed[], nth = 0) => {
      await startRuns(t.db, agentIds[nth] ?? "", leases);
      return endAttempts(
        t.db,
        agentIds[nth] ?? "",
        leases.map((lease) => ({
          ...lease,
          ...{ outcome: "completed" as const, finalState: "completed" as const, output: null },
          ...{ outputType: null, error: null, retry: null, executedMs: 1 },
        })),
      );
    };
    const holds = async () => expect(await brokenInvariants(t, environmentId)).toEqual([]);
    return { ...seeded, trigger, request, claim, ids, end, holds };
  };

  test.each([
    { what: "of another region", wrong: { labels: { region: "north" } }, run: { region: "south" } },
    { what: "without the room", wrong: { room: { cpu: 0.25, memoryMb: 512 } }, run: { machine: "large-1x" } },
  ])("a run reaches the parked agent that can take it past one $what", async ({ wrong, run }) => {
    const p = await place([{ id: "a" }], 2);
    const deps = depsOf({ ...t.db });
    const cut = new AbortController();
    const right = { labels: { region: "south" }, room: { cpu: 64, memoryMb: 262_144 } };
    const park = (nth: number, over: object) => {
      const agent = { id: p.agentIds[nth] ?? "", poolId: p.poolId, publicKey: "k", isRevoked: false };
      const body = {
        ...{ bootId: "boot_1", cursor: null, free: 1, slots: 1, held: [], holdMs: 20_000, version: "1" },
        ...{ runtime: "process", ...right, ...over },
      };
      return pollWork(deps, agent, body, cut.signal);
    };
    const passed = park(0, wrong);
    const taken = park(1, {});
    await new Promise((resolve) => setTimeout(resolve, 500)); // both have looked, and are parked
    const runId = await p.trigger(run);
    await deps.hints.wakePool(p.poolId);
    expect((await taken).leases.map((lease) => lease.runId)).toEqual([runId]);
    cut.abort();
    expect((await passed).leases).toEqual([]);
  });

  test("a claim that finds only an emptied lane calls back another in its place, and says so", async () => {
    const p = await place([{ id: "a", concurrency: { inline: { total: 1 } } }]);
    const first = await p.trigger({ concurrencyKey: "first" });
    const leases = await p.claim();
    expect(leases.map(({ runId }) => runId)).toEqual([first]);
    const canceled = await p.trigger({ concurrencyKey: "canceled" });
    await t.advance(1_000);
    const waits = await p.trigger({ concurrencyKey: "waits" });
    expect(await p.ids({ held: leases })).toEqual([]);
    await cancelOne(t.db, p.environmentId, canceled);
    // Calls back one lane, the one whose run is gone.
    await p.end(leases);
    const answer = await claimRuns(t.db, p.request({ free: 1 }));
    // What the service wakes the pool for.
    expect(answer).toMatchObject({ leases: [], asideChanged: true, more: true });
    expect(await p.ids({ free: 1 })).toEqual([waits]);
    await p.holds();
  });

  describe("regions", () => {
    test("a run goes to an agent of its region, one without a region to any", async () => {
      const p = await place();
      const anywhere = await p.trigger();
      const north = await p.trigger({ region: "north" });
      const south = await p.trigger({ region: "south" });
      expect(await p.ids({ region: "south" })).toEqual([anywhere, south].sort());
      expect(await p.ids()).toEqual([anywhere, south].sort()); // repeated until they are held
      expect(await p.ids({ region: "north", nth: 0 })).toContain(north);
      await p.holds();
    });

    test("an agent without a region, or of another, takes none of a region", async () => {
      const p = await place();
      await p.trigger({ region: "north" });
      expect(await p.ids()).toEqual([]);
      expect(await p.ids({ region: "south" })).toEqual([]);
      expect(await p.ids({ region: "north" })).toHaveLength(1);
    });

    test("a queue's limit holds for its regions together, and its room goes to a region that has an agent", async () => {
      const p = await place([{ id: "a", queue: { name: "q", concurrencyLimit: 2 } }]);
      for (const region of ["lost", "lost", "north", "north"]) await p.trigger({ region });
      await p.trigger({ concurrencyKey: "" });
      const first = await p.claim({ region: "north" });
      expect(first).toHaveLength(2);
      await p.holds();
      expect(await p.claim({ region: "north", held: first })).toEqual([]);
      await p.end(first);
      await p.holds();
      const second = await p.claim({ region: "north" });
      expect(second).toHaveLength(1);
      await p.end(second);
      expect(await p.ids({ region: "lost" })).toHaveLength(2);
      await p.holds();
    });

    test("pausing a queue holds back every region of it", async () => {
      const p = await place([{ id: "a", queue: { name: "q" } }]);
      await p.trigger({ region: "north" });
      const by = { environmentId: p.environmentId, by: "custom" as const, value: "q" };
      await changeQueue(t.db, by, { paused: true });
      expect(await p.ids({ region: "north" })).toEqual([]);
      await changeQueue(t.db, by, { paused: false });
      expect(await p.ids({ region: "north" })).toHaveLength(1);
    });

    test("a named limit counts the runs of all regions", async () => {
      const p = await place([{ id: "a", concurrency: { inline: { total: 1 } } }]);
      await p.trigger({ region: "north" });
      await p.trigger();
      const first = await p.claim({ region: "north" });
      expect(first).toHaveLength(1);
      expect(await p.claim({ region: "north", held: first })).toEqual([]);
      await p.holds();
      await p.end(first);
      expect(await p.ids({ region: "north" })).toHaveLength(1);
      await p.holds();
    });

    test("a developer's own agent takes runs of every region", async () => {
      const p = await place();
      await t.query("update environments set type = 'development' where id = $1", [p.environmentId]);
      const id = await p.trigger({ region: "north" });
      expect(await p.ids()).toEqual([id]);
    });
  });

  test("ten thousand runs that nobody here may take cost the claim of another region nothing", async () => {
    const { far, near } = { far: await place(), near: await place() };
    await far.trigger({ region: "lost" });
    await t.query(
      `with made as (
        insert into lanes (id, environment_id, queue_id, limits_key, region, has_work, counter_ids)
        select l.id || n, l.environment_id, l.queue_id, l.limits_key || n, l.region, true, l.counter_ids
        from lanes l, generate_series(1, 10000) n where l.environment_id = $1 and l.region = 'lost'
        returning id)
      insert into queue_entries (run_id, lane_id, environment_id, position_at)
      select 'run_' || id, id, $1, app_now() from made`,
      [far.environmentId],
    );
    await t.query("analyze");
    await t.advance(1_000);
    const cost = async (p: typeof far) => {
      await p.trigger({ region: "here" });
      const asked: { text: string; values: readonly unknown[] }[] = [];
      const call = async (text: string, values: readonly unknown[]): Promise<never> => {
        asked.push({ text, values });
        throw new Error("only written down");
      };
      await claimRuns({ ...t.db, call }, p.request({ region: "here" })).catch(() => undefined);
      const [claim] = asked;
      const rows = await t.query(
        `explain (analyze, buffers, costs off, timing off, summary off, format json) ${claim?.text}`,
        [...(claim?.values ?? [])],
      );
      const plans = rows.flatMap((row) => row["QUERY PLAN"] as { Plan: Record<string, number> }[]);
      const { "Shared Hit Blocks": hit = 0, "Shared Read Blocks": read = 0 } = plans[0]?.Plan ?? {};
      return hit + read;
    };
    const [beside, alone] = [await cost(far), await cost(near)];
    expect(alone).toBeGreaterThan(20);
    expect(beside).toBeLessThan(alone + 20);
    expect(
      await t.query("select run_id from leases where environment_id = $1", [far.environmentId]),
    ).toHaveLength(1);
  });

  test("a run says what keeps it from being placed, and the scale hint what it would take", async () => {
    const p = await place();
    const id = await p.trigger({ region: "north", machine: "medium-2x" });
    const told = async () => {
      const facts = await readSituation(t.db, id, { onlineMs: 60_000, silentMs: 35_000, beatsMs: 30_000 });
      const rest = { state: "queued" as const, attempt: 0, isCanceling: false, reason: null };
      return explain({ ...facts, ...rest }).code;
    };
    const hint = () => readScale(t.db, { environmentId: p.environmentId, onlineMs: 60_000, queuedMax: 100 });
    expect(await told()).toBe("no_agent_in_region");
    expect(await hint()).toMatchObject({
      queued: 1,
      regions: [
        { region: null, queued: 0, cpus: 0, memoryMb: 0 },
        { region: "north", slots: 0, queued: 1, cpus: 2, memoryMb: 4_096 },
      ],
    });
    const view = { drainsItself: false, warm: 0, heldBack: null, lastError: null };
    const poll = (cpu: number, free: number) =>
      claimRuns(t.db, {
        ...p.request({ region: "north", free, room: { cpu: free === 0 ? 0 : cpu, memoryMb: 8_192 } }),
        ...{ slots: 10, view, capacity: { cpu, memoryMb: 8_192 } },
      });
    await poll(1, 0);
    expect(await told()).toBe("no_agent_large_enough");
    await poll(2, 0);
    expect(await told()).toBe("next");
    const other = await p.trigger({ machine: "micro" });
    await claimRuns(t.db, p.request({ free: 1 }));
    expect(await t.query("select run_id from leases where run_id = $1", [other])).toHaveLength(1);
    await poll(2, 0);
    expect(await told()).toBe("agents_full");
    expect((await hint()).regions).toMatchObject([{ region: "north", slots: 10, free: 9, queued: 1 }]);
  });

  describe("room", () => {
    const two = { cpu: 2, memoryMb: 4_096 };

    test("what is taken never adds up to more than the room", async () => {
      const p = await place();
      for (let nth = 0; nth < 6; nth++) await p.trigger({ machine: "small-1x" });
      expect(await p.claim({ room: two })).toHaveLength(4);
      const q = await place();
      for (let nth = 0; nth < 6; nth++) await q.trigger({ machine: "medium-1x" });
      expect(await q.claim({ room: { cpu: 8, memoryMb: 5_000 } })).toHaveLength(2);
      await q.holds();
    });

    test("without a room only the number counts", async () => {
      const p = await place();
      for (let nth = 0; nth < 3; nth++) await p.trigger({ machine: "large-2x" });
      expect(await p.claim({})).toHaveLength(3);
    });

    test("an empty machine is the default one", async () => {
      const p = await place();
      for (let nth = 0; nth < 3; nth++) await p.trigger();
      expect(await p.claim({ room: { cpu: 1, memoryMb: 10_000 } })).toHaveLength(2);
    });

    test("a run too large does not stop those of other queues, and nobody of its own overtakes it", async () => {
      const p = await place([
        { id: "a", queue: { name: "qa" } },
        { id: "b", queue: { name: "qb" } },
      ]);
      const large = await p.trigger({ machine: "large-1x" });
      await t.advance(1_000);
      const behind = await p.trigger({ machine: "micro" });
      const beside = await p.trigger({ machine: "micro" }, "b");
      const held = await p.claim({ room: two });
      expect(held.map(({ runId }) => runId)).toEqual([beside]);
      await p.holds();
      const bigger = { cpu: 8, memoryMb: 16_384 };
      expect((await p.claim({ room: bigger, held })).map(({ runId }) => runId).sort()).toEqual(
        [large, behind].sort(),
      );
      await p.holds();
    });

    test("leases whose answer was lost take their part of the room", async () => {
      const p = await place();
      for (let nth = 0; nth < 3; nth++) await p.trigger({ machine: "small-2x" });
      expect(await p.claim({ room: { cpu: 1, memoryMb: 4_096 } })).toHaveLength(1);
      expect(await p.claim({ room: two })).toHaveLength(2);
      expect(await p.claim({ room: two })).toHaveLength(2);
    });

    test("a run that goes on comes before new work, and alone where its host has shrunk", async () => {
      const p = await place();
      const [agent] = p.agentIds;
      const parent = await p.trigger({ machine: "medium-2x" });
      const held = await p.claim({ room: two });
      await startRuns(t.db, agent ?? "", held);
      const child = await p.trigger({ parentRunId: parent, resumeParent: true, machine: "micro" });
      const waits = [{ kind: "run" as const, runId: child }];
      await waitRuns(t.db, agent ?? "", [{ runId: parent, epoch: held[0]?.epoch ?? 0, waits }]);
      const ofChild = await p.claim({ room: two, held });
      expect(ofChild.map(({ runId }) => runId)).toEqual([child]);
      await p.end(ofChild);
      const small = await p.trigger({ machine: "micro" });
      await t.query("update leases set acked = true where environment_id = $1", [p.environmentId]);
      // Nothing else runs here: it goes on although the room is too small now, and nothing joins it.
      const continued = await p.claim({ room: { cpu: 1, memoryMb: 1_024 } });
      expect(continued.map(({ runId }) => runId)).toEqual([parent]);
      expect(await p.claim({ room: { cpu: 0.25, memoryMb: 256 }, held: continued })).toMatchObject([
        { runId: small },
      ]);
      await p.holds();
    });

    test("while something runs, a run that goes on waits for its room and lets nothing new before it", async () => {
      const p = await place();
      const [agent] = p.agentIds;
      const parent = await p.trigger({ machine: "small-2x" });
      const held = await p.claim({ room: two });
      await startRuns(t.db, agent ?? "", held);
      const child = await p.trigger({ parentRunId: parent, resumeParent: true, machine: "micro" });
      const waits = [{ kind: "run" as const, runId: child }];
      await waitRuns(t.db, agent ?? "", [{ runId: parent, epoch: held[0]?.epoch ?? 0, waits }]);
      await t.advance(1_000);
      const other = await p.trigger({ machine: "medium-1x" });
      const both = await p.claim({ room: two, held });
      expect(both.map(({ runId }) => runId).sort()).toEqual([child, other].sort());
      await p.end(both.filter(({ runId }) => runId === child));
      await p.trigger({ machine: "micro" });
      const busy = both.filter(({ runId }) => runId === other);
      expect(await p.claim({ room: { cpu: 0.5, memoryMb: 2_048 }, held: busy })).toEqual([]);
      expect(
        (await p.claim({ room: { cpu: 1, memoryMb: 2_048 }, held: busy })).map(({ runId }) => runId),
      ).toEqual([parent]);
      await p.holds();
    });

    test("lanes of large runs are passed over a few at a time, and what fits behind them is found", async () => {
      const p = await place();
      for (let nth = 0; nth < 40; nth++) await p.trigger({ machine: "large-2x", concurrencyKey: `k${nth}` });
      await t.advance(1_000);
      const small = await p.trigger({ machine: "micro", concurrencyKey: "small" });
      await t.advance(1_000);
      const { leases } = await claimWork(depsOf(t.db), p.request({ room: two }));
      expect(leases.map(({ runId }) => runId)).toEqual([small]);
      await p.holds();
    });
  });
});
