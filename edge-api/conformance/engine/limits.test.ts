import { changeEnvironment } from "@longshore/edge-api/db/transitions/change-environment";
import { changeLimit } from "@longshore/edge-api/db/transitions/change-limit";
import { overrideLimitKey } from "@longshore/edge-api/db/transitions/change-limit-key";
import { changeQueue } from "@longshore/edge-api/db/transitions/change-queue";
import { expireLimitOverrides } from "@longshore/edge-api/db/transitions/expire-limit-overrides";
import { fitLanes } from "@longshore/edge-api/db/transitions/fit-lanes";
import { triggerRuns } from "@longshore/edge-api/db/transitions/trigger-runs";
import { newId } from "@longshore/shared/core/ids";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { seed, type TestDatabase, testDrivers, triggerItem } from "./fixture.ts";

describe.each(testDrivers)("changing limits on $name", ({ open }) => {
  let t: TestDatabase;
  beforeAll(async () => {
    t = await open();
  }, 60_000);
  afterAll(() => t?.close());

  const place = async () => {
    const tasks = [
      { id: "a", queue: { name: "q", concurrencyLimit: 3 } },
      { id: "b", concurrency: { inline: { perKey: 2 } } },
    ];
    const seeded = await seed(t, { tasks, agents: 1, runningMax: 10 });
    const { environmentId } = seeded;
    await triggerRuns(t.db, [triggerItem(environmentId, "a", { concurrencyKey: "k" })]);
    const lanes = async (queue: string) =>
      (
        await t.query(
          `select l.running_max as max, l.paused, l.blocked_by from lanes l join queues q on q.id = l.queue_id
           where q.environment_id = $1 and q.name = $2 order by l.concurrency_key`,
          [environmentId, queue],
        )
      ).map(({ max, paused }) => ({ max, paused }));
    const change = (over: Parameters<typeof changeQueue>[2]) =>
      changeQueue(t.db, { environmentId, by: "custom", value: "q" }, over);
    return { ...seeded, lanes, change };
  };
  const both = (max: number | null, paused = false) => [
    { max, paused },
    { max, paused },
  ];

  test("every lane of a queue follows its pause, its override and its reset", async () => {
    const p = await place();
    expect(await p.lanes("q")).toEqual(both(3));
    expect(await p.change({ paused: true })).toMatchObject({ paused: true, queued: 1 });
    expect(await p.lanes("q")).toEqual(both(3, true));
    await p.change({ paused: false, override: 50 });
    expect(await p.lanes("q")).toEqual(both(10));
    await p.change({ override: null });
    expect(await p.lanes("q")).toEqual(both(3));
  });

  test("one queue never gets more than the environment's limit, with burst the environment does", async () => {
    const p = await place();
    expect(await p.lanes("task/b")).toEqual([{ max: null, paused: false }]);
    expect(await changeEnvironment(t.db, p.environmentId, { limit: 2, burstFactor: 2.5 })).toMatchObject({
      ...{ limit: 2, runningMax: 5 },
    });
    expect(await p.lanes("q")).toEqual(both(2));
    expect(await p.lanes("task/b")).toEqual([{ max: 2, paused: false }]);
    await changeEnvironment(t.db, p.environmentId, { burstFactor: 1 });
    expect(await p.lanes("task/b")).toEqual([{ max: null, paused: false }]);
  });

  test("a lane that was opened while its queue was being paused is corrected", async () => {
    const p = await place();
    await p.change({ paused: true });
    await t.query("update lanes set paused = false where environment_id = $1", [p.environmentId]);
    expect((await fitLanes(t.db)).environmentIds).toContain(p.environmentId);
    expect(await p.lanes("q")).toEqual(both(3, true));
    expect((await fitLanes(t.db)).environmentIds).toEqual([]);
  });

  test("counters follow their limit, and lanes that stood aside for them are looked at again", async () => {
    const p = await place();
    const name = "task/b";
    const [limit] = await t.query("select id from concurrency_limits where environment_id = $1", [
      p.environmentId,
    ]);
    const slotId = newId("limitSlot");
    await t.query(
      `insert into limit_slots (id, limit_id, environment_id, is_total, running, running_max)
       values ($1, $2, $3, true, 1, 1)`,
      [slotId, limit?.id, p.environmentId],
    );
    await t.query("update lanes set blocked_by = $1 where environment_id = $2", [slotId, p.environmentId]);
    const changed = await changeLimit(t.db, { environmentId: p.environmentId, name }, { total: 40 });
    expect(changed).toMatchObject({ perKey: 2, total: null, totalOverride: 40, running: 1 });
    const [slot] = await t.query("select running_max from limit_slots where id = $1", [slotId]);
    expect(slot).toEqual({ running_max: 10 });
    const blocked = await t.query(
      "select id from lanes where blocked_by is not null and environment_id = $1",
      [p.environmentId],
    );
    expect(blocked).toEqual([]);
  });

  test("a key's own bound ends by itself", async () => {
    const p = await place();
    const key = { environmentId: p.environmentId, name: "task/b", concurrencyKey: "k" };
    const override = { slotId: newId("limitSlot"), max: 7, ttlMs: 60_000 };
    expect(await overrideLimitKey(t.db, key, override)).toMatchObject({ override: 7, perKey: 2 });
    const max = async () =>
      (await t.query("select running_max from limit_slots where id = $1", [override.slotId]))[0]?.running_max;
    expect(await max()).toBe(7);
    await changeLimit(t.db, key, { perKey: 1 });
    expect(await max()).toBe(7);
    expect((await expireLimitOverrides(t.db)).environmentIds).toEqual([]);
    await t.advance(60_000);
    expect((await expireLimitOverrides(t.db)).environmentIds).toEqual([p.environmentId]);
    expect(await max()).toBe(1);
  });
});
