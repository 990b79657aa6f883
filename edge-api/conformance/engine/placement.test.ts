import { readSituation } from "@longshore/edge-api/db/queries/read-run-history";
import { readScale } from "@longshore/edge-api/db/queries/read-scale";
import { cancelRuns } from "@longshore/edge-api/db/transitions/cancel-runs";
import { changeQueue } from "@longshore/edge-api/db/transitions/change-queue";
import { claimRuns } from "@longshore/edge-api/db/transitions/claim-runs";
import { completeDueWaits } from "@longshore/edge-api/db/transitions/complete-due-waits";
import { endAttempts } from "@longshore/edge-api/db/transitions/end-attempts";
import { startRuns } from "@longshore/edge-api/db/transitions/start-runs";
import { waitRuns } from "@longshore/edge-api/db/transitions/wait-runs";
import { explain } from "@longshore/edge-api/domain/explain";
import { claimWork } from "@longshore/edge-api/services/claim-work";
import { pollWork } from "@longshore/edge-api/services/poll-work";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { depsOf } from "./deps-of.ts";
import { cancelOne, type TaskSpec, type TestDatabase, testDrivers } from "./fixture.ts";
import { placeRuns } from "./place-runs.ts";

const done = ({ runId, epoch }: { runId: string; epoch: number }) => ({
  ...{ runId, epoch, outcome: "completed" as const, output: null, outputType: null, error: null },
  ...{ finalState: "completed" as const, retry: null, executedMs: 1 },
});

describe.each(testDrivers)("placement on $name", ({ open }) => {
  let t: TestDatabase;
  beforeAll(async () => {
    t = await open();
  }, 60_000);
  afterAll(() => t?.close());

  const place = (tasks?: TaskSpec[], agents?: number) => placeRuns(t, tasks, agents);

  test.each([
    { what: "of another region", wrong: { labels: { region: "north" } }, run: { region: "south" } },
    { what: "without the labels", wrong: { labels: { region: "south" } }, run: { labels: { gpu: "a100" } } },
    { what: "without the room", wrong: { room: { cpu: 0.25, memoryMb: 512 } }, run: { machine: "large-1x" } },
  ])("a run reaches the parked agent that can take it past one $what", async ({ wrong, run }) => {
    const p = await place([{ id: "a" }], 2);
    const deps = depsOf({ ...t.db });
    const cut = new AbortController();
    const right = { labels: { region: "south", gpu: "a100" }, room: { cpu: 64, memoryMb: 262_144 } };
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

  test("agents that ask one process at once each find work, none what another has just taken", async () => {
    const p = await place([{ id: "a" }], 4);
    for (let nth = 0; nth < 20; nth++) await p.trigger();
    const deps = { ...depsOf({ ...t.db }), groupsCommits: true };
    const answers = await Promise.all(
      p.agentIds.map((_, nth) => claimWork(deps, p.request({ nth, free: 5 }), p.poolId)),
    );
    expect(answers.map(({ leases }) => leases.length)).toEqual([5, 5, 5, 5]);
    await p.holds();
  });

  test("a run behind many lanes that were emptied by cancels is found by one poll", async () => {
    const p = await place();
    const canceled: string[] = [];
    for (let nth = 0; nth < 150; nth++) canceled.push(await p.trigger({ concurrencyKey: `k${nth}` }));
    await cancelRuns(t.db, { environmentId: p.environmentId, runIds: canceled, reason: "asked" });
    await t.advance(1_000);
    const runId = await p.trigger({ concurrencyKey: "behind" });
    const { leases } = await claimWork(depsOf(t.db), p.request({ free: 4 }), p.poolId);
    expect(leases.map((lease) => lease.runId)).toEqual([runId]);
    await p.holds();
  });

  describe("what goes on after a wait", () => {
    const slow = { name: "q", concurrencyLimit: 1 };

    test.each([
      { what: "queue", tasks: [{ id: "a", queue: slow }], envMax: 1_000 },
      { what: "limit", tasks: [{ id: "a", concurrency: { inline: { total: 1 } } }], envMax: 1_000 },
      { what: "environment", tasks: [{ id: "a" }], envMax: 1 },
    ])(
      "comes before the backlog that another agent works off, whose last slot of the $what it needs",
      async ({ tasks, envMax }) => {
        const p = await place(tasks, 2);
        await t.query("update environment_slots set running_max = $2 where environment_id = $1", [
          p.environmentId,
          envMax,
        ]);
        const parent = await p.trigger();
        const begun = await p.claim({ nth: 0 });
        await p.wait(begun);
        const backlog = [await p.trigger(), await p.trigger(), await p.trigger()];
        const first = await p.claim({ nth: 1, free: 1 });
        expect(first).toMatchObject([{ runId: backlog[0] }]);
        await t.advance(60_000);
        await t.query("update agents set beat_at = app_now() where id = any($1)", [p.agentIds]);
        await completeDueWaits(t.db);
        const { hints } = await p.end(first, 1);
        expect(hints.agentIds).toContain(p.agentIds[0]);
        expect(await p.ids({ nth: 1 })).toEqual([]);
        const goesOn = await p.claim({ nth: 0 });
        expect(goesOn).toMatchObject([{ runId: parent }]);
        await endAttempts(t.db, p.agentIds[0] ?? "", goesOn.map(done));
        expect(await p.ids({ nth: 1 })).toEqual([backlog[1]]);
        await p.holds();
      },
    );

    test("is told to its agent when a slot of another lane comes free, and keeps none for an agent that is gone", async () => {
      const p = await place([{ id: "a" }, { id: "b" }], 2);
      await t.query("update environment_slots set running_max = 1 where environment_id = $1", [
        p.environmentId,
      ]);
      await p.trigger();
      await p.wait(await p.claim({ nth: 0 }));
      const other = await p.trigger({}, "b");
      const held = await p.claim({ nth: 1 });
      expect(held).toMatchObject([{ runId: other }]);
      await t.advance(60_000);
      await completeDueWaits(t.db);
      expect((await p.end(held, 1)).hints.agentIds).toContain(p.agentIds[0]);
      await t.advance(120_000); // its agent was not heard since
      const next = await p.trigger({}, "b");
      expect(await p.ids({ nth: 1 })).toEqual([next]);
    });
  });

  describe.each([
    { what: "a region", at: (value: string) => ({ region: value }) },
    { what: "a label", at: (value: string) => ({ labels: { gpu: value } }) },
    {
      what: "a region and labels",
      at: (value: string) => ({ region: "eu", labels: { gpu: value, disk: "ssd" } }),
    },
  ])("runs that ask for $what", ({ at }) => {
    test("go to an agent that has it, those that ask for nothing to any", async () => {
      const p = await place();
      const anywhere = await p.trigger();
      const north = await p.trigger(at("north"));
      const south = await p.trigger(at("south"));
      expect(await p.ids(at("south"))).toEqual([anywhere, south].sort());
      expect(await p.ids()).toEqual([anywhere, south].sort()); // repeated until they are held
      expect(await p.ids(at("north"))).toContain(north);
      await p.holds();
    });

    test("are taken by no agent without it, or with another", async () => {
      const p = await place();
      await p.trigger(at("north"));
      expect(await p.ids()).toEqual([]);
      expect(await p.ids(at("south"))).toEqual([]);
      expect(await p.ids(at("north"))).toHaveLength(1);
    });

    test("are held by their queue's limit together, and its room goes where an agent is", async () => {
      const p = await place([{ id: "a", queue: { name: "q", concurrencyLimit: 2 } }]);
      for (const value of ["lost", "lost", "north", "north"]) await p.trigger(at(value));
      await p.trigger({ concurrencyKey: "" });
      const first = await p.claim(at("north"));
      expect(first).toHaveLength(2);
      await p.holds();
      expect(await p.claim({ ...at("north"), held: first })).toEqual([]);
      await p.end(first);
      await p.holds();
      const second = await p.claim(at("north"));
      expect(second).toHaveLength(1);
      await p.end(second);
      expect(await p.ids(at("lost"))).toHaveLength(2);
      await p.holds();
    });

    test("are held back with their queue", async () => {
      const p = await place([{ id: "a", queue: { name: "q" } }]);
      await p.trigger(at("north"));
      const by = { environmentId: p.environmentId, by: "custom" as const, value: "q" };
      await changeQueue(t.db, by, { paused: true });
      expect(await p.ids(at("north"))).toEqual([]);
      await changeQueue(t.db, by, { paused: false });
      expect(await p.ids(at("north"))).toHaveLength(1);
    });

    test.each(["queue", "limit"])(
      "go on after a wait while their %s is paused, and then hold it",
      async (what) => {
        const p = await place([{ id: "a", queue: { name: "q" }, concurrency: { inline: { total: 2 } } }]);
        const first = await p.trigger(at("north"));
        const begun = await p.claim(at("north"));
        expect(begun).toMatchObject([{ runId: first }]);
        await p.wait(begun);
        if (what === "limit")
          await t.query("update limit_slots set paused = true where environment_id = $1", [p.environmentId]);
        else
          await changeQueue(
            t.db,
            { environmentId: p.environmentId, by: "custom", value: "q" },
            { paused: true },
          );
        await p.trigger(at("north"));
        expect(await p.ids(at("north"))).toEqual([]);
        await t.advance(60_000);
        await completeDueWaits(t.db);
        expect(await p.ids(at("north"))).toEqual([first]);
        await p.holds();
      },
    );

    test("count in a named limit with all others", async () => {
      const p = await place([{ id: "a", concurrency: { inline: { total: 1 } } }]);
      await p.trigger(at("north"));
      await p.trigger();
      const first = await p.claim(at("north"));
      expect(first).toHaveLength(1);
      expect(await p.claim({ ...at("north"), held: first })).toEqual([]);
      await p.holds();
      await p.end(first);
      expect(await p.ids(at("north"))).toHaveLength(1);
      await p.holds();
    });

    test("are taken by a developer's own agent whatever it has", async () => {
      const p = await place();
      await t.query("update environments set type = 'development' where id = $1", [p.environmentId]);
      const id = await p.trigger(at("north"));
      expect(await p.ids()).toEqual([id]);
    });
  });

  test.each([
    { what: "region", lost: { region: "lost" }, here: { region: "here" } },
    { what: "labels", lost: { labels: { gpu: "lost" } }, here: { labels: { gpu: "here", disk: "ssd" } } },
  ])("ten thousand lanes of other $what cost a claim nothing", async ({ lost, here }) => {
    const { far, near } = { far: await place(), near: await place() };
    await far.trigger(lost);
    await t.query(
      `with made as (
        insert into lanes (id, environment_id, queue_id, limits_key, region, has_work, counter_ids)
        select l.id || n, l.environment_id, l.queue_id, l.limits_key || n, l.region, true, l.counter_ids
        from lanes l, generate_series(1, 10000) n where l.environment_id = $1 and l.region <> ''
        returning id)
      insert into queue_entries (run_id, lane_id, environment_id, position_at)
      select 'run_' || id, id, $1, app_now() from made`,
      [far.environmentId],
    );
    await t.query(
      `insert into lane_places (pool_id, place, label, labels)
      select $1, n::text, 'tenant=' || n, jsonb_build_object('tenant', n::text, 'disk', 'ssd') from generate_series(1, 10000) n`,
      [far.poolId],
    );
    await t.query("analyze");
    await t.advance(1_000);
    const cost = async (p: typeof far) => {
      await p.trigger(here);
      const asked: { text: string; values: readonly unknown[] }[] = [];
      const call = async (text: string, values: readonly unknown[]): Promise<never> => {
        asked.push({ text, values });
        throw new Error("only written down");
      };
      await claimRuns({ ...t.db, call }, p.request(here)).catch(() => undefined);
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
    expect(beside).toBeLessThan(alone + 60); // indexes that are a level deeper
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
      const { leases } = await claimWork(depsOf(t.db), p.request({ room: two }), p.poolId);
      expect(leases.map(({ runId }) => runId)).toEqual([small]);
      await p.holds();
    });
  });
});
