import { claimRuns } from "@longshore/edge-api/db/transitions/claim-runs";
import { completeDueWaits } from "@longshore/edge-api/db/transitions/complete-due-waits";
import { findWorkspace } from "@longshore/edge-api/db/transitions/create-workspace";
import { promoteDeployment } from "@longshore/edge-api/db/transitions/deployments";
import { openDevSession } from "@longshore/edge-api/db/transitions/open-dev-session";
import { startRuns } from "@longshore/edge-api/db/transitions/start-runs";
import { triggerRuns } from "@longshore/edge-api/db/transitions/trigger-runs";
import { waitRuns } from "@longshore/edge-api/db/transitions/wait-runs";
import { createHearing } from "@longshore/edge-api/services/hearing";
import { pollWork } from "@longshore/edge-api/services/poll-work";
import { reportFacts } from "@longshore/edge-api/services/report-facts";
import { sweep } from "@longshore/edge-api/services/sweep";
import type { HeldRun, PollBody, PollResponse } from "@longshore/shared/contract/agent-protocol";
import { newId } from "@longshore/shared/core/ids";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { depsOf } from "./deps-of.ts";
import { claimRequest, seed, type TestDatabase, testDrivers, triggerItem } from "./fixture.ts";

const never = new AbortController().signal;

describe.each(testDrivers)("agents on $name", ({ open }) => {
  let t: TestDatabase;
  beforeAll(async () => {
    t = await open();
  }, 60_000);
  afterAll(() => t?.close());

  /** One API process: what it remembers of agents goes by its database. */
  const startProcess = () => depsOf({ ...t.db });

  const place = async () => {
    const { agentIds, environmentId, poolId, deploymentId, bundleHash } = await seed(t, {
      tasks: [{ id: "a" }],
      agents: 2,
    });
    const [id = "", neighbour = ""] = agentIds;
    const row = { id, poolId, publicKey: "k", isRevoked: false };
    const state = (
      bootId: string,
      over: { cursor?: string | null; held?: HeldRun[]; leaseMs?: number } = {},
    ) => ({
      ...{ bootId, cursor: null, free: 0, slots: 5, held: [] },
      ...over,
    });
    const pollBy =
      (agentId: string) =>
      (bootId: string, over: Partial<PollBody> = {}, deps = startProcess(), signal = never) => {
        const body = { ...state(bootId), holdMs: 0, version: "1", runtime: "process", ...over };
        return pollWork(deps, { ...row, id: agentId }, body, signal);
      };
    const [poll, pollByNeighbour] = [pollBy(id), pollBy(neighbour)];
    const report = (bootId: string, over: Parameters<typeof state>[1] = {}) =>
      reportFacts(startProcess(), row, { ...state(bootId, over), facts: [] });
    /** A run whose lease this process of the agent has acknowledged. */
    const take = async (bootId: string): Promise<HeldRun> => {
      const [outcome] = await triggerRuns(t.db, [triggerItem(environmentId, "a")]);
      const held = { runId: outcome?.runId ?? "", epoch: 1 };
      await claimRuns(t.db, claimRequest(id, 1, { bootId }));
      await claimRuns(t.db, claimRequest(id, 0, { bootId, held: [held] }));
      return held;
    };
    const begin = async (bootId: string): Promise<HeldRun> => {
      const held = await take(bootId);
      await startRuns(t.db, id, [held]);
      return held;
    };
    const run = async ({ runId }: HeldRun) => {
      const text = "select state, attempt, reason from runs where id = $1";
      return (await t.query(text, [runId]))[0];
    };
    const seen = async () => {
      const text =
        'select drains_itself as "drainsItself", warm, held_back as "heldBack", last_error as "lastError" from agents where id = $1';
      return (await t.query(text, [id]))[0];
    };
    const deployment = { id: deploymentId, environmentId };
    return {
      id,
      poolId,
      environmentId,
      bundleHash,
      deployment,
      poll,
      pollByNeighbour,
      report,
      take,
      begin,
      run,
      seen,
    };
  };

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

  test("a session that nobody opened or served for two weeks is put away, one that is in use stays", async () => {
    const { environmentId } = await seed(t, { tasks: [{ id: "a" }], agents: 1 });
    await t.query("update environments set slug = 'dev', type = 'development' where id = $1", [
      environmentId,
    ]);
    const [owner] = await t.query(
      "select p.ref, m.user_id from environments e join projects p on p.id = e.project_id join members m on m.organization_id = p.organization_id where e.id = $1",
      [environmentId],
    );
    const open = (name: string) =>
      openDevSession(
        t.db,
        { ref: String(owner?.ref), userId: String(owner?.user_id), name },
        { environment: newId("environment"), pool: newId("pool") },
      );
    const left = async () =>
      (
        await t.query(
          "select branch_name from environments where parent_environment_id = $1 and archived_at is null order by 1",
          [environmentId],
        )
      ).map((row) => row.branch_name);
    for (const name of ["left", "opened", "served"]) await open(name);
    const served = await t.query("select pool_id from environments where branch_name = 'served'");
    const agent = newId("agent");
    await t.query("insert into agents (id, pool_id, name, public_key) values ($1, $2, 'dev', 'k')", [
      agent,
      served[0]?.pool_id,
    ]);
    const dayMs = 86_400_000;
    await t.advance(13 * dayMs);
    await sweep(startProcess());
    expect(await left()).toEqual(["left", "opened", "served"]);
    await open("opened");
    await t.query("update agents set beat_at = app_now() where id = $1", [agent]);
    await t.advance(2 * dayMs);
    await sweep(startProcess());
    expect(await left()).toEqual(["opened", "served"]);
    await open("left");
    await sweep(startProcess());
    expect(await left()).toEqual(["left", "opened", "served"]);
  });

  test("a server starts again although sessions of its project have pools of their own", async () => {
    const [first] = await t.query(
      "select p.ref, m.user_id, e.id from projects p join environments e on e.project_id = p.id join members m on m.organization_id = p.organization_id order by p.id, e.id limit 1",
    );
    await t.query("update environments set slug = 'dev', type = 'development' where id = $1", [first?.id]);
    const place = { ref: String(first?.ref), userId: String(first?.user_id), name: "open" };
    await openDevSession(t.db, place, { environment: newId("environment"), pool: newId("pool") });
    expect(await findWorkspace(t.db)).toMatchObject({
      projectRef: first?.ref,
      environments: [{ id: first?.id, slug: "dev" }],
    });
  });

  describe("an agent that asks for a longer silence", () => {
    const leaseMs = 305_000;
    const lostAfterMs = leaseMs + 5_000;
    const settings = (ms: number) => ({ settings: { leaseMs: ms } });

    test("is granted it, in polls and reports, and keeps its runs for that long and a margin", async () => {
      const [p, usual] = [await place(), await place()];
      const [held, other] = [await p.begin("boot_1"), await usual.begin("boot_1")];
      expect(await usual.poll("boot_1", { held: [other] })).toMatchObject(settings(30_000));
      expect(await p.poll("boot_1", { held: [held], leaseMs })).toMatchObject(settings(leaseMs));
      await t.advance(10_000);
      expect(await p.report("boot_1", { held: [held], leaseMs })).toMatchObject(settings(leaseMs));
      await t.advance(lostAfterMs - 1_000);
      await sweep(startProcess());
      expect(await usual.run(other)).not.toMatchObject({ state: "executing" });
      expect(await p.run(held)).toMatchObject({ state: "executing", attempt: 1 });
      await t.advance(2_000);
      await sweep(startProcess());
      expect(await p.run(held)).not.toMatchObject({ state: "executing" });
    });

    test("keeps it until it has passed when a new process asks for less: its runners count by what they were told", async () => {
      const p = await place();
      const held = await p.begin("boot_1");
      await p.poll("boot_1", { held: [held], leaseMs });
      expect(await p.poll("boot_2", { held: [held] })).toMatchObject(settings(30_000));
      await t.advance(lostAfterMs - 1_000);
      await sweep(startProcess());
      expect(await p.run(held)).toMatchObject({ state: "executing" });
      await t.advance(2_000);
      await sweep(startProcess());
      expect(await p.run(held)).not.toMatchObject({ state: "executing" });
    });

    test("loses nothing while it is heard by processes of the API that do not know of its wish", async () => {
      const p = await place();
      const held = await p.begin("boot_1");
      await p.poll("boot_1", { held: [held], leaseMs });
      await t.advance(2 * lostAfterMs);
      await t.query("update agents set beat_at = app_now() - interval '30 seconds' where id = $1", [p.id]);
      await sweep(startProcess());
      expect(await p.run(held)).toMatchObject({ state: "executing" });
    });

    test("loses nothing, waiting runs too, to a process that could not have heard it for as long", async () => {
      const p = await place();
      const [held, parked] = [await p.begin("boot_1"), await p.begin("boot_1")];
      const wait = { kind: "time" as const, id: newId("waitPoint"), at: "2999-01-01T00:00:00.000Z" };
      await waitRuns(t.db, p.id, [{ ...parked, waits: [wait] }]);
      await p.poll("boot_1", { held: [held, parked], leaseMs });
      await t.advance(3_600_000);
      const upMs = lostAfterMs + 10_000;
      await sweep(startProcess(), () => upMs - 1);
      expect(await p.run(held)).toMatchObject({ state: "executing" });
      expect(await p.run(parked)).toMatchObject({ state: "waiting" });
      await sweep(startProcess(), () => upMs);
      expect(await p.run(held)).not.toMatchObject({ state: "executing" });
      expect(await p.run(parked)).not.toMatchObject({ state: "waiting" });
    });

    test("keeps also what it had not told the start of, until it is heard and still has not begun", async () => {
      const p = await place();
      const held = await p.take("boot_1");
      await p.poll("boot_1", { held: [held], leaseMs });
      await t.advance(120_000);
      await sweep(startProcess());
      expect(await p.run(held)).toMatchObject({ state: "leased" });
      await p.poll("boot_1", { held: [held], leaseMs });
      await sweep(startProcess());
      expect(await p.run(held)).toMatchObject({
        state: "delayed",
        reason: expect.stringContaining("60 seconds"),
      });
    });
  });

  test("a sweep takes nothing from agents that could not be heard because the database was away", async () => {
    const p = await place();
    const held = await p.begin("boot_1");
    const at = { ms: 0, isAway: false };
    const hearing = createHearing({ slowMs: 10_000, restMs: 3_600_000 }, () => at.ms);
    const call: typeof t.db.call = async (text, values) => {
      if (at.isAway) throw Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" });
      return t.db.call(text, values);
    };
    const deps = depsOf(hearing.watch({ ...t.db, call }));
    const sweepAfter = async (ms: number) => {
      at.ms += ms;
      await t.advance(ms);
      await sweep(deps, hearing.ms).finally(hearing.rested);
    };
    Object.assign(at, { ms: 3_600_000, isAway: true });
    await expect(sweepAfter(15_000)).rejects.toThrow("ECONNREFUSED");
    at.isAway = false;
    await sweepAfter(25_000);
    expect(await p.run(held)).toMatchObject({ state: "executing", attempt: 1 });
    await sweepAfter(20_000);
    expect(await p.run(held)).not.toMatchObject({ state: "executing" });
  });

  test("a sweep takes nothing from silent agents until its process could have heard them", async () => {
    const p = await place();
    const [begun, unstarted] = [await p.begin("boot_1"), await p.take("boot_1")];
    const deps = startProcess();
    const { silentMs, startMs, beatMs } = deps.settings;
    await t.advance(silentMs + startMs);
    await sweep(deps, () => silentMs + beatMs - 1);
    expect(await p.run(begun)).toMatchObject({ state: "executing" });
    expect(await p.run(unstarted)).toMatchObject({ state: "leased" });
    await sweep(deps, () => silentMs + beatMs);
    // Due at once, and the same sweep does what is due.
    expect(await p.run(begun)).not.toMatchObject({ state: "executing" });
    expect(await p.run(unstarted)).toMatchObject({ state: "delayed" });
  });
});
