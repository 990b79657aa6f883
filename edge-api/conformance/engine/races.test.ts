import { type Database, readJson } from "@longshore/edge-api/db/database";
import { claimRuns } from "@longshore/edge-api/db/transitions/claim-runs";
import { completeTokens } from "@longshore/edge-api/db/transitions/complete-tokens";
import { createWaitPoint } from "@longshore/edge-api/db/transitions/create-wait-point";
import { endAttempts } from "@longshore/edge-api/db/transitions/end-attempts";
import { revokeAgent } from "@longshore/edge-api/db/transitions/enrol-agent";
import { expireNamedRuns, expireRuns } from "@longshore/edge-api/db/transitions/expire-runs";
import { releaseRuns } from "@longshore/edge-api/db/transitions/release-runs";
import { settleLanes } from "@longshore/edge-api/db/transitions/settle-lanes";
import { startRuns } from "@longshore/edge-api/db/transitions/start-runs";
import { triggerRuns } from "@longshore/edge-api/db/transitions/trigger-runs";
import { waitRuns } from "@longshore/edge-api/db/transitions/wait-runs";
import { wakeSettledRuns } from "@longshore/edge-api/db/transitions/wake-settled-runs";
import type { Principal } from "@longshore/edge-api/services/authenticate";
import { triggerRun } from "@longshore/edge-api/services/trigger-run";
import type { TriggerOptions } from "@longshore/shared/contract/trigger";
import { newId } from "@longshore/shared/core/ids";
import pg from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { depsOf } from "./deps-of.ts";
import { cancelOne, claimRequest, openTestPostgres, seed, triggerItem, triggerLinked } from "./fixture.ts";

const serverUrl = process.env.LONGSHORE_TEST_DATABASE_URL;

/** Statements that cross: one side is held open in a transaction while the other runs into it. */
describe.skipIf(serverUrl === undefined)("crossing statements on Postgres", () => {
  let t: Awaited<ReturnType<typeof openTestPostgres>>;
  let other: pg.Client;
  /** The engine's statements on the connection whose transaction the test holds open. */
  let held: Database;

  beforeAll(async () => {
    t = await openTestPostgres(serverUrl ?? "");
  }, 60_000);
  afterAll(() => t.close());
  beforeEach(async () => {
    other = new pg.Client({ connectionString: t.url });
    await other.connect();
    held = {
      ...t.db,
      call: async (text, values) =>
        readJson((await other.query({ text, values: [...values], rowMode: "array" })).rows),
    };
  });
  afterEach(() => other.end());

  const place = async (limit?: number) => {
    const queue = limit === undefined ? {} : { queue: { name: "q", concurrencyLimit: limit } };
    const seeded = await seed(t, { tasks: [{ id: "a", ...queue }], agents: 2 });
    const agent = seeded.agentIds[0] ?? "";
    const item = (over = {}) => triggerItem(seeded.environmentId, "a", over);
    const trigger = async (over = {}) => (await triggerRuns(t.db, [item(over)]))[0]?.runId ?? "";
    const execute = async (over = {}) => {
      const id = await trigger(over);
      await claimRuns(t.db, claimRequest(agent, 100));
      await startRuns(t.db, agent, [{ runId: id, epoch: 1 }]);
      return id;
    };
    const done = (runId: string, epoch = 1) => ({
      ...{ runId, epoch, outcome: "completed" as const, output: "1", outputType: "application/json" },
      ...{ error: null, finalState: "completed" as const, retry: null, executedMs: 1 },
    });
    const state = async (id: string) =>
      (await t.query("select state from runs where id = $1", [id]))[0]?.state;
    return { ...seeded, agent, item, trigger, execute, done, state };
  };

  /** Resolves when some statement of this database waits for a lock. */
  const untilBlocked = async () => {
    for (;;) {
      const rows = await t.query(
        "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
      );
      if (rows.length > 0) return;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };

  test("a child that ends while its parent goes to wait wakes the parent", async () => {
    const p = await place();
    const parent = await p.execute();
    const child = await p.execute({ parentRunId: parent, resumeParent: true });
    await other.query("begin");
    const wait = { runId: parent, epoch: 1, waits: [{ kind: "run" as const, runId: child }] };
    expect((await waitRuns(held, p.agent, [wait])).results).toMatchObject([{ kind: "moved" }]);
    const ending = endAttempts(t.db, p.agent, [p.done(child)]);
    await untilBlocked();
    await other.query("commit");
    expect((await ending).hints.agentIds).toEqual([p.agent]);
    expect(await p.state(parent)).toBe("queued");
  });

  test("two children that end at once wake their parent once, when both are done", async () => {
    const p = await place();
    const parent = await p.execute();
    const first = await p.execute({ parentRunId: parent, resumeParent: true });
    const second = await p.execute({ parentRunId: parent, resumeParent: true });
    const waits = [first, second].map((runId) => ({ kind: "run" as const, runId }));
    await waitRuns(t.db, p.agent, [{ runId: parent, epoch: 1, waits }]);
    await other.query("begin");
    await endAttempts(held, p.agent, [p.done(first)]);
    const ending = endAttempts(t.db, p.agent, [p.done(second)]);
    await untilBlocked();
    await other.query("commit");
    await ending;
    expect(await p.state(parent)).toBe("queued");
    const entries = await t.query("select 1 from queue_entries where run_id = $1", [parent]);
    expect(entries).toHaveLength(1);
  });

  const waitingForToken = async (p: Awaited<ReturnType<typeof place>>) => {
    const { agent, environmentId } = p;
    const run = await p.execute();
    const id = newId("waitPoint");
    await createWaitPoint(t.db, {
      ...{ id, environmentId, kind: "token", dueAt: null, tags: [], runId: null },
      ...{ idempotencyKey: null, storedKey: null, keyExpiresAt: null },
    });
    await waitRuns(t.db, agent, [{ runId: run, epoch: 1, waits: [{ kind: "token", id }] }]);
    const complete = (on: Database) =>
      completeTokens(on, [{ id, environmentId, output: "1", outputType: "application/json" }]);
    return { run, complete };
  };
  const counts = async (environmentId: string) =>
    t.query(
      "select running, (select count(*)::int from queue_entries q where q.environment_id = $1) as entries from environment_slots where environment_id = $1",
      [environmentId],
    );

  test("a process that ends while its run is woken ends the run", async () => {
    const p = await place();
    const { run: id, complete } = await waitingForToken(p);
    await other.query("begin");
    await complete(held);
    const ending = endAttempts(t.db, p.agent, [p.done(id)]);
    await untilBlocked();
    await other.query("commit");
    expect((await ending).results).toMatchObject([{ kind: "moved" }]);
    expect(await p.state(id)).toBe("completed");
    expect(await counts(p.environmentId)).toEqual([{ running: 0, entries: 0 }]);
  });

  test("an agent that is revoked while it claims hears that, and not that it was superseded", async () => {
    const p = await place();
    await other.query("begin");
    expect(await revokeAgent(held, p.agent, p.environmentId)).toBe(true);
    const claiming = claimRuns(t.db, claimRequest(p.agent, 1));
    await untilBlocked();
    await other.query("commit");
    expect(await claiming).toEqual({ kind: "revoked" });
  });

  test("a process that claims while a newer one does is superseded", async () => {
    const p = await place();
    await other.query("begin");
    await claimRuns(held, claimRequest(p.agent, 1, { bootId: "boot_2" }));
    const claiming = claimRuns(t.db, claimRequest(p.agent, 1));
    await untilBlocked();
    await other.query("commit");
    expect(await claiming).toEqual({ kind: "superseded" });
  });

  test("a run is not woken by what it waited for while its process ends", async () => {
    const p = await place();
    const { run: id, complete } = await waitingForToken(p);
    await other.query("begin");
    await endAttempts(held, p.agent, [p.done(id)]);
    const waking = complete(t.db);
    await untilBlocked();
    await other.query("commit");
    await waking;
    expect(await p.state(id)).toBe("completed");
    expect(await counts(p.environmentId)).toEqual([{ running: 0, entries: 0 }]);
  });

  test("a process that ends while its continuation is claimed ends the run, and its slot comes back", async () => {
    const p = await place();
    const { run: id, complete } = await waitingForToken(p);
    await complete(t.db);
    await other.query("begin");
    expect(await claimRuns(held, claimRequest(p.agent, 1))).toMatchObject({
      leases: [{ runId: id, epoch: 2 }],
    });
    const ending = endAttempts(t.db, p.agent, [p.done(id)]);
    await untilBlocked();
    await other.query("commit");
    expect((await ending).results).toMatchObject([{ kind: "moved" }]);
    expect(await p.state(id)).toBe("completed");
    expect(await counts(p.environmentId)).toEqual([{ running: 0, entries: 0 }]);
  });

  test("a known child that ends while another parent is linked to it does not leave that parent waiting", async () => {
    const p = await place();
    const key = { idempotencyKey: "k", idempotencyExpiresAt: "2999-01-01T00:00:00.000Z" };
    const parent = await p.execute();
    const child = await p.execute(key);
    await other.query("begin");
    const item = p.item({ ...key, parentRunId: parent, resumeParent: true });
    expect(await triggerLinked(held, item)).toMatchObject({ kind: "cached", runId: child });
    const ending = endAttempts(t.db, p.agent, [p.done(child)]);
    await untilBlocked();
    await other.query("commit");
    await ending;
    await waitRuns(t.db, p.agent, [{ runId: parent, epoch: 1, waits: [{ kind: "run", runId: child }] }]);
    await wakeSettledRuns(t.db);
    await wakeSettledRuns(t.db);
    expect(await p.state(parent)).toBe("queued");
    const { leases } = (await claimRuns(t.db, claimRequest(p.agent, 1))) as { leases: object[] };
    expect(leases).toMatchObject([{ runId: parent, waits: [{ runId: child, output: "1" }] }]);
  });

  test("a lane that was closed over an uncommitted run is found by the sweep, however long it stood unused", async () => {
    const p = await place();
    const cancelled = await p.trigger();
    await t.advance(3_600_000);
    await cancelOne(t.db, p.environmentId, cancelled);
    await other.query("begin");
    await triggerRuns(held, [p.item()]);
    const claim = await claimRuns(t.db, claimRequest(p.agent, 1));
    expect(claim).toMatchObject({ kind: "claimed", leases: [], emptied: [expect.any(String)] });
    await settleLanes(t.db, claim.kind === "claimed" ? claim.emptied : []);
    await other.query("commit");
    expect((await settleLanes(t.db, null)).environmentIds).toContain(p.environmentId);
    expect(await claimRuns(t.db, claimRequest(p.agent, 1))).toMatchObject({ leases: [{ task: "a" }] });
  });

  test.each(["cancel", "expire"] as const)(
    "a claim that crosses a move %s meets no deadlock",
    async (move) => {
      const p = await place();
      const id = await p.trigger({ ttlMs: 1_000 });
      await t.advance(2_000);
      await other.query("begin");
      // The two steps of a claim, in its order.
      await other.query("delete from queue_entries where run_id = $1", [id]);
      const crossing = move === "cancel" ? cancelOne(t.db, p.environmentId, id) : expireRuns(t.db);
      if (move === "cancel") await untilBlocked();
      else await crossing;
      await other.query("set local lock_timeout = '500ms'");
      await other.query(
        "update runs set state = 'leased', lease_epoch = 1, expires_at = null, home_agent_id = $2 where id = $1",
        [id, p.agent],
      );
      const lease = `insert into leases (run_id, agent_id, epoch, environment_id, lane_id, phase, leased_at)
      select id, $2, 1, environment_id, lane_id, 'leased', app_now() from runs where id = $1`;
      await other.query(lease, [id, p.agent]);
      await other.query("commit");
      const answer = await crossing;
      expect(answer).toMatchObject(
        move === "cancel" ? { kind: "requested", hints: { agentIds: [p.agent] } } : { count: 0 },
      );
      expect(await p.state(id)).toBe("leased");
    },
  );

  test("a poll does not wait for a report that gives back what the poll still holds", async () => {
    const p = await place();
    const id = await p.trigger();
    await claimRuns(t.db, claimRequest(p.agent, 1));
    await p.trigger();
    await other.query("begin");
    const release = { runId: id, epoch: 1, reason: "no", retryable: true };
    // The release holds the lease; a claim that waited for it would hold the slots the release still wants.
    await other.query("select 1 from leases where run_id = $1 for update", [id]);
    const claim = await claimRuns(t.db, claimRequest(p.agent, 5, { held: [{ runId: id, epoch: 1 }] }));
    expect(claim).toMatchObject({ kind: "claimed", leases: [{ task: "a" }] });
    expect((await releaseRuns(held, p.agent, [release])).results).toMatchObject([{ kind: "moved" }]);
    await other.query("commit");
  });

  test("the same idempotency key from two connections makes one run", async () => {
    const p = await place();
    const key = { idempotencyKey: "k", idempotencyExpiresAt: "2999-01-01T00:00:00.000Z" };
    await other.query("begin");
    const [first] = await triggerRuns(held, [p.item(key)]);
    const second = triggerRuns(t.db, [p.item(key)]);
    await untilBlocked();
    await other.query("commit");
    expect(await second).toMatchObject([{ kind: "again" }]);
    expect(await triggerRuns(t.db, [p.item(key)])).toMatchObject([{ kind: "cached", runId: first?.runId }]);
  });

  describe("a trigger that meets a run which has outlived its time", () => {
    const keyed = { idempotencyKey: "k" };
    const meet = async () => {
      const p = await place();
      const principal: Principal = { kind: "key", environmentId: p.environmentId, scopes: null };
      const request = { task: "a", requestKey: null, idempotencyKey: null, idempotencyKeyTtl: null };
      const trigger = async (options: TriggerOptions = keyed) => {
        const { id, isCached } = await triggerRun(depsOf(t.db), principal, { ...request, body: { options } });
        return { id, isCached };
      };
      const late = (await trigger({ ...keyed, ttl: 1 })).id;
      return { ...p, trigger, late };
    };

    test("is answered with it when a claim that began in time takes it", async () => {
      const p = await meet();
      await other.query("begin");
      expect(await claimRuns(held, claimRequest(p.agent, 1))).toMatchObject({ leases: [{ runId: p.late }] });
      await t.advance(1_000);
      const triggering = p.trigger();
      await untilBlocked();
      await other.query("commit");
      expect(await triggering).toEqual({ id: p.late, isCached: true });
      expect(await p.state(p.late)).toBe("leased");
    });

    test("makes its own run when the sweep is about to end it, and keeps the key", async () => {
      const p = await meet();
      await t.advance(1_000);
      await other.query("begin");
      expect(await expireRuns(held)).toMatchObject({ count: 1 });
      const triggering = p.trigger();
      await untilBlocked();
      await other.query("commit");
      const made = await triggering;
      expect(made).toMatchObject({ isCached: false });
      expect(await p.trigger()).toEqual({ ...made, isCached: true });
      expect(await p.state(p.late)).toBe("expired");
    });

    test("keeps the key when a sweep begins before its end of that run is written", async () => {
      const p = await meet();
      await t.advance(1_000);
      await other.query("begin");
      expect(await expireNamedRuns(held, [p.late])).toMatchObject({ count: 1 });
      const sweeping = expireRuns(t.db);
      const [made] = await triggerRuns(held, [
        p.item({ ...keyed, idempotencyExpiresAt: "2999-01-01T00:00:00.000Z" }),
      ]);
      await other.query("commit");
      expect(await sweeping).toMatchObject({ count: 0 });
      expect(await p.trigger()).toEqual({ id: made?.runId, isCached: true });
    });
  });

  test("two claims cannot take a limited queue beyond its limit", async () => {
    const p = await place(1);
    await p.trigger();
    await p.trigger();
    await other.query("begin");
    await claimRuns(held, claimRequest(p.agent, 5));
    const second = claimRuns(t.db, claimRequest(p.agentIds[1] ?? "", 5));
    await untilBlocked();
    await other.query("commit");
    expect(await second).toMatchObject({ kind: "claimed", leases: [] });
  });
});
