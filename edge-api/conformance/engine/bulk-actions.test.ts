import {
  createBulkAction,
  endBulkStep,
  findBulkAction,
  findOpenBulkActions,
  takeBulkAction,
} from "@longshore/edge-api/db/transitions/bulk-actions";
import { triggerRuns } from "@longshore/edge-api/db/transitions/trigger-runs";
import { workBulkAction } from "@longshore/edge-api/services/work-bulk-action";
import { newId } from "@longshore/shared/core/ids";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { depsOf } from "./deps-of.ts";
import { seed, type TestDatabase, testDrivers, triggerItem } from "./fixture.ts";

describe.each(testDrivers)("bulk actions on $name", ({ open }) => {
  let t: TestDatabase;
  beforeAll(async () => {
    t = await open();
  }, 60_000);
  afterAll(() => t?.close());

  const place = async (count: number) => {
    const { environmentId } = await seed(t, { tasks: [{ id: "a" }], agents: 0 });
    const items = Array.from({ length: count }, () => triggerItem(environmentId, "a"));
    await triggerRuns(t.db, items);
    const create = async (type: "CANCEL" | "REPLAY", target: object) => {
      const id = newId("bulkAction");
      await createBulkAction(t.db, { id, environmentId, name: null, type, target, totalCount: count });
      return id;
    };
    const read = (id: string) => findBulkAction(t.db, id, environmentId);
    const states = async () =>
      Object.fromEntries(
        (
          await t.query("select state, count(*)::int as n from runs where environment_id = $1 group by 1", [
            environmentId,
          ])
        ).map(({ state, n }) => [state, n]),
      );
    return { environmentId, ids: items.map(({ id }) => id), create, read, states };
  };

  test("canceling by a filter that canceling empties handles every run once", async () => {
    const p = await place(250);
    const id = await p.create("CANCEL", { filter: { states: [{ state: "queued" }] } });
    await triggerRuns(t.db, [triggerItem(p.environmentId, "a")]);
    await t.query(
      "update runs set created_at = app_now() + interval '1 hour' where id = (select max(id) from runs)",
    );
    await workBulkAction(depsOf(t.db), id);
    expect(await p.read(id)).toMatchObject({
      ...{ status: "COMPLETED", totalCount: 250, successCount: 250, failureCount: 0 },
    });
    expect(await p.states()).toEqual({ canceled: 250, queued: 1 });
    const [marked] = await t.query("select count(*)::int as n from runs where bulk_action_id = $1", [id]);
    expect(marked).toEqual({ n: 250 });
  });

  test("replaying by a filter that its own runs match makes one of each", async () => {
    const p = await place(230);
    const id = await p.create("REPLAY", { filter: { tasks: ["a"] } });
    await workBulkAction(depsOf(t.db), id);
    expect(await p.read(id)).toMatchObject({ status: "COMPLETED", totalCount: 230, successCount: 230 });
    const [made] = await t.query(
      "select count(*)::int as n, count(distinct replayed_from_id)::int as of from runs where bulk_action_id = $1",
      [id],
    );
    expect(made).toEqual({ n: 230, of: 230 });
  });

  test.each(["CANCEL", "REPLAY"] as const)(
    "a step that a dead process did and did not count is counted once: %s",
    async (type) => {
      const p = await place(120);
      const id = await p.create(type, { filter: { states: [{ state: "queued" }] } });
      const dying = { ...depsOf(t.db) };
      const db = {
        ...t.db,
        call: async (statement: string, values: readonly unknown[]) => {
          if (statement.includes("success_count = b.success_count +")) throw new Error("the process died");
          return t.db.call(statement, values);
        },
      };
      await expect(workBulkAction({ ...dying, db }, id)).rejects.toThrow("died");
      expect(await takeBulkAction(t.db, id)).toBeNull();
      expect(await findOpenBulkActions(t.db)).not.toContain(id);
      await t.advance(60_000);
      expect(await findOpenBulkActions(t.db)).toContain(id);
      await workBulkAction(depsOf(t.db), id);
      expect(await p.read(id)).toMatchObject({
        status: "COMPLETED",
        totalCount: 120,
        successCount: 120,
        failureCount: 0,
      });
      expect(await p.states()).toEqual(type === "CANCEL" ? { canceled: 120 } : { queued: 240 });
    },
  );

  test("ids of no run here fail, and an aborted action goes no further", async () => {
    const p = await place(3);
    const ids = await p.create("CANCEL", { runIds: [...p.ids.slice(0, 2), "run_none"] });
    await workBulkAction(depsOf(t.db), ids);
    expect(await p.read(ids)).toMatchObject({
      status: "COMPLETED",
      totalCount: 3,
      successCount: 2,
      failureCount: 1,
    });
    const late = await p.create("CANCEL", { filter: {} });
    await t.query("update bulk_actions set status = 'ABORTED', worked_until = null where id = $1", [late]);
    await workBulkAction(depsOf(t.db), late);
    expect(await p.states()).toEqual({ canceled: 2, queued: 1 });
    const step = { from: null, to: "run_z", successCount: 1, failureCount: 0, isLast: false, goesOn: true };
    expect(await endBulkStep(t.db, late, step)).toBe(false);
    expect(await p.read(late)).toMatchObject({ status: "ABORTED", successCount: 1 });
    expect(await endBulkStep(t.db, late, step)).toBe(false);
    expect(await p.read(late)).toMatchObject({ successCount: 1 });
  });
});
