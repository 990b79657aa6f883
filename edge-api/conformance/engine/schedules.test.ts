import { claimRuns } from "@longshore/edge-api/db/transitions/claim-runs";
import { openPg } from "@longshore/edge-api/platform/database-pg";
import type { Principal } from "@longshore/edge-api/services/authenticate";
import { runDueWork } from "@longshore/edge-api/services/run-due-work";
import { createSchedule, setScheduleActive } from "@longshore/edge-api/services/schedules";
import { sweep } from "@longshore/edge-api/services/sweep";
import superjson from "superjson";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { depsOf } from "./deps-of.ts";
import { claimRequest, openTestPostgres, seed, type TestDatabase, testDrivers } from "./fixture.ts";

type Fired = { id: string; payload: string };

/** A database whose clock begins at a given time, with one environment that has the task `tick`. */
const placeAt = async (t: TestDatabase, time: string) => {
  await t.query("update app_clock set frozen_at = $1, shift = '0'", [time]);
  const seeded = await seed(t, { tasks: [{ id: "tick" }], agents: 1 });
  const principal: Principal = { kind: "key", environmentId: seeded.environmentId, scopes: null };
  const schedule = (cron: string, over: object = {}) =>
    createSchedule(depsOf(t.db), principal, { task: "tick", cron, deduplicationKey: "k", ...over });
  const fired = async (scheduleId: string): Promise<string[]> => {
    const rows = (await t.query("select id, payload from runs where schedule_id = $1 order by id", [
      scheduleId,
    ])) as Fired[];
    return rows
      .map(({ payload }) => superjson.parse<{ timestamp: Date }>(payload).timestamp.toISOString())
      .sort();
  };
  return { ...seeded, principal, schedule, fired };
};

const moveTo = (t: TestDatabase, time: string) =>
  t.query("update app_clock set frozen_at = $1, shift = '0'", [time]);

describe.each(testDrivers)("schedules on $name", ({ open }) => {
  let t: TestDatabase;
  beforeAll(async () => {
    t = await open();
  }, 60_000);
  afterAll(() => t?.close());
  // Schedules of one case must not come due in the next.
  afterEach(() => t.query("delete from schedules"));

  test("the payload says when, when before, and what comes, as dates", async () => {
    const p = await placeAt(t, "2026-05-01T00:00:30Z");
    const { id } = await p.schedule("*/5 * * * *", { externalId: "user_1", timezone: "Europe/Berlin" });
    await moveTo(t, "2026-05-01T00:05:00Z");
    await runDueWork(depsOf(t.db));
    await moveTo(t, "2026-05-01T00:10:02Z");
    await runDueWork(depsOf(t.db));
    const claim = await claimRuns(t.db, claimRequest(p.agentIds[0] ?? "", 10));
    const leases = claim.kind === "claimed" ? claim.leases : [];
    expect(leases).toHaveLength(2);
    const second = superjson.parse(leases[1]?.payload ?? "") as Record<string, unknown>;
    expect(leases[1]?.payloadType).toBe("application/super+json");
    expect(second).toEqual({
      type: "IMPERATIVE",
      timestamp: new Date("2026-05-01T00:10:00Z"),
      lastTimestamp: new Date("2026-05-01T00:05:00Z"),
      timezone: "Europe/Berlin",
      scheduleId: id,
      externalId: "user_1",
      upcoming: Array.from(
        { length: 10 },
        (_, n) => new Date(Date.parse("2026-05-01T00:15:00Z") + n * 300_000),
      ),
    });
  });

  test("ticks that were missed do not come in a burst: the latest alone, then the next", async () => {
    const p = await placeAt(t, "2026-05-01T00:00:30Z");
    const { id } = await p.schedule("* * * * *");
    await moveTo(t, "2026-05-03T12:00:30Z");
    await runDueWork(depsOf(t.db));
    await runDueWork(depsOf(t.db));
    expect(await p.fired(id)).toEqual(["2026-05-03T12:00:00.000Z"]);
    await moveTo(t, "2026-05-03T12:01:00Z");
    await runDueWork(depsOf(t.db));
    expect(await p.fired(id)).toEqual(["2026-05-03T12:00:00.000Z", "2026-05-03T12:01:00.000Z"]);
  });

  test("a process that died after the trigger fires nothing twice, even when it is noticed days later", async () => {
    const p = await placeAt(t, "2026-05-01T00:00:30Z");
    const { id } = await p.schedule("0 0 * * 1");
    const [before] = await t.query("select next_run_at, fire_at from schedules where id = $1", [id]);
    await moveTo(t, "2026-05-04T00:00:01Z");
    await runDueWork(depsOf(t.db));
    const restore = "update schedules set next_run_at = $2, fire_at = $3, last_run_at = null where id = $1";
    await t.query(restore, [id, before?.next_run_at, before?.fire_at]);
    await runDueWork(depsOf(t.db));
    await t.query(restore, [id, before?.next_run_at, before?.fire_at]);
    await moveTo(t, "2026-05-08T00:00:00Z");
    await t.query("delete from idempotency_keys where expires_at <= app_now()");
    await runDueWork(depsOf(t.db));
    expect(await p.fired(id)).toEqual(["2026-05-04T00:00:00.000Z"]);
    expect((await t.query("select last_run_at, next_run_at from schedules where id = $1", [id]))[0]).toEqual({
      last_run_at: new Date("2026-05-04T00:00:00Z"),
      next_run_at: new Date("2026-05-11T00:00:00Z"),
    });
  });

  test("a tick whose run failed is not fired again", async () => {
    const p = await placeAt(t, "2026-05-01T00:00:30Z");
    const { id } = await p.schedule("* * * * *");
    const [before] = await t.query("select next_run_at, fire_at from schedules where id = $1", [id]);
    await moveTo(t, "2026-05-01T00:01:00Z");
    await runDueWork(depsOf(t.db));
    const [keys] = await t.query(
      "select count(*)::int as n from runs where schedule_id = $1 and idempotency_key is not null",
      [id],
    );
    expect(keys).toEqual({ n: 0 });
    await t.query("update schedules set next_run_at = $2, fire_at = $3 where id = $1", [
      id,
      before?.next_run_at,
      before?.fire_at,
    ]);
    await runDueWork(depsOf(t.db));
    expect(await p.fired(id)).toHaveLength(1);
  });

  describe("one whose zone this runtime does not know", () => {
    const placeBeside = async () => {
      const p = await placeAt(t, "2026-05-01T00:00:30Z");
      const strange = await p.schedule("* * * * *", { deduplicationKey: "strange" });
      const good = await p.schedule("* * * * *", { deduplicationKey: "good" });
      await t.query("update schedules set timezone = 'Mars/Olympus' where id = $1", [strange.id]);
      const lines: [string, Record<string, unknown>][] = [];
      const log = (event: string, fields: Record<string, unknown>) => void lines.push([event, fields]);
      return { ...p, strange: strange.id, good: good.id, lines, deps: { ...depsOf(t.db), log } };
    };

    test("is logged and put off by an hour, while the others fire", async () => {
      const p = await placeBeside();
      await moveTo(t, "2026-05-01T00:01:00Z");
      await runDueWork(p.deps);
      expect(await p.fired(p.good)).toEqual(["2026-05-01T00:01:00.000Z"]);
      expect(p.lines).toEqual([
        [
          "schedule.not_planned",
          expect.objectContaining({ scheduleId: p.strange, timezone: "Mars/Olympus" }),
        ],
      ]);
      const [row] = await t.query("select active, next_run_at, fire_at from schedules where id = $1", [
        p.strange,
      ]);
      expect(row).toEqual({
        active: true,
        next_run_at: new Date("2026-05-01T00:01:00Z"),
        fire_at: new Date("2026-05-01T01:01:00Z"),
      });
      // A release that knows the zone fires the latest tick that was missed, and goes on from there.
      await t.query("update schedules set timezone = 'UTC' where id = $1", [p.strange]);
      await moveTo(t, "2026-05-01T01:01:00Z");
      await runDueWork(p.deps);
      expect(await p.fired(p.strange)).toEqual(["2026-05-01T01:01:00.000Z"]);
    });

    test("cannot be switched on: the answer names the zone", async () => {
      const p = await placeBeside();
      await setScheduleActive(p.deps, p.principal, p.strange, false);
      await expect(setScheduleActive(p.deps, p.principal, p.strange, true)).rejects.toMatchObject({
        code: "unprocessable",
        message: expect.stringContaining("Mars/Olympus"),
      });
    });
  });

  test("whichever statement of a sweep fails after the first, the other parts are still done", async () => {
    const p = await placeAt(t, "2026-05-01T00:00:30Z");
    await p.schedule("* * * * *");
    await moveTo(t, "2026-05-01T00:01:00Z");
    const sweepFailing = async (nth: number) => {
      await t.query("update schedules set fire_at = app_now() - interval '1 second'");
      const sent: string[] = [];
      const parts: unknown[] = [];
      const call: typeof t.db.call = async (text, values) => {
        if (sent.push(text) === nth) throw new Error("violates a check constraint");
        return t.db.call(text, values);
      };
      const log = (_: string, { part }: Record<string, unknown>) => void parts.push(part);
      await sweep({ ...depsOf({ ...t.db, call }), log });
      return { sent: new Set(sent), parts };
    };
    const whole = await sweepFailing(0);
    expect(whole.parts).toEqual([]);
    for (let nth = 2; nth <= whole.sent.size; nth++) {
      const { sent, parts } = await sweepFailing(nth);
      expect(parts).toHaveLength(1);
      // The last part of all looks for work that stands open.
      expect([...sent].some((text) => text.includes("s.running < s.running_max"))).toBe(true);
    }
    await expect(sweepFailing(1)).rejects.toThrow("check constraint");
  });

  test("a window moves the run, not the tick; what is switched off fires nothing", async () => {
    const p = await placeAt(t, "2026-05-01T00:00:30Z");
    const made = await p.schedule("0 * * * *", { window: "100%" });
    const fireAt = made.nextRunEffectiveAt ?? "";
    expect(made.nextRun).toBe("2026-05-01T01:00:00.000Z");
    expect(Date.parse(fireAt)).toBeGreaterThan(Date.parse("2026-05-01T01:00:00Z"));
    await moveTo(t, new Date(Date.parse(fireAt) - 1_000).toISOString());
    await runDueWork(depsOf(t.db));
    expect(await p.fired(made.id)).toEqual([]);
    await moveTo(t, fireAt);
    await runDueWork(depsOf(t.db));
    expect(await p.fired(made.id)).toEqual(["2026-05-01T01:00:00.000Z"]);

    await setScheduleActive(depsOf(t.db), p.principal, made.id, false);
    await moveTo(t, "2026-05-02T00:00:00Z");
    await runDueWork(depsOf(t.db));
    expect(await p.fired(made.id)).toHaveLength(1);
    const on = await setScheduleActive(depsOf(t.db), p.principal, made.id, true);
    expect(on.nextRun).toBe("2026-05-02T01:00:00.000Z");
  });

  test.each([
    ["Europe/Berlin", "30 2 * * *", "2026-03-29T00:00:00Z", 8, ["2026-03-29T01:00:00.000Z"]],
    ["Europe/Berlin", "30 2 * * *", "2026-10-24T22:30:00Z", 8, ["2026-10-25T00:30:00.000Z"]],
    ["America/New_York", "30 1 * * *", "2026-11-01T04:00:00Z", 8, ["2026-11-01T05:30:00.000Z"]],
    ["Australia/Lord_Howe", "45 1 * * *", "2026-04-04T13:00:00Z", 8, ["2026-04-04T14:45:00.000Z"]],
  ])("on the day when %s changes its clock %s fires once", async (timezone, cron, from, hours, expected) => {
    const p = await placeAt(t, from);
    const { id } = await p.schedule(cron, { timezone });
    for (let quarter = 1; quarter <= hours * 4; quarter++) {
      await t.advance(900_000);
      await runDueWork(depsOf(t.db));
    }
    expect(await p.fired(id)).toEqual(expected);
  });
});

const serverUrl = process.env.LONGSHORE_TEST_DATABASE_URL;

describe.skipIf(serverUrl === undefined)("many instances on one Postgres", () => {
  let t: Awaited<ReturnType<typeof openTestPostgres>>;
  beforeEach(async () => {
    t = await openTestPostgres(serverUrl ?? "");
  }, 60_000);
  afterEach(() => t.close());

  test("every tick of fifty schedules fires exactly once, whoever races for it", async () => {
    const p = await placeAt(t, "2026-05-01T00:00:30Z");
    const ids: string[] = [];
    for (let n = 0; n < 50; n++) ids.push((await p.schedule("* * * * *", { deduplicationKey: `k${n}` })).id);
    const instances = Array.from({ length: 6 }, () =>
      openPg(t.url, { connectionsMax: 2, onError: () => undefined }),
    );
    for (let minute = 1; minute <= 5; minute++) {
      await t.advance(60_000);
      await Promise.all(instances.map(({ db }) => runDueWork(depsOf(db))));
    }
    await Promise.all(instances.map(({ close }) => close()));
    const [counts] = await t.query(
      "select count(*)::int as runs, count(distinct (schedule_id, payload))::int as ticks from runs",
    );
    expect(counts).toEqual({ runs: 250, ticks: 250 });
    for (const id of ids.slice(0, 3)) expect(await p.fired(id)).toHaveLength(5);
  });
});
