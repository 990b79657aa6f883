import type { Database } from "@longshore/edge-api/db/database";
import { type TriggerItem, triggerRuns } from "@longshore/edge-api/db/transitions/trigger-runs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { countStatements } from "./count-statements.ts";
import { seed, type TestDatabase, testDrivers, triggerItem } from "./fixture.ts";

const tasks = [
  { id: "plain" },
  { id: "skips", queue: { name: "skips", policy: "skip" as const } },
  { id: "replaces", queue: { name: "replaces", policy: "replace" as const } },
];

// What a statement does not know of must not show: see triggerStatement.
describe.each(testDrivers)("groups of triggers on $name", ({ isAvailable, open }) => {
  describe.skipIf(!isAvailable)("with keys, with places, with neither", () => {
    let t: TestDatabase;
    let environmentId: string;
    let counted: ReturnType<typeof countStatements>;
    beforeAll(async () => {
      t = await open();
    }, 60_000);
    afterAll(() => t.close());
    const item = (task: string, over: Partial<TriggerItem> = {}) => triggerItem(environmentId, task, over);
    const begin = async () => {
      ({ environmentId } = await seed(t, { tasks, agents: 1 }));
      counted = countStatements(t.db);
    };
    const trigger = async (items: TriggerItem[]) => {
      const before = counted.statements();
      const outcomes = await triggerRuns(counted.db, items);
      return {
        kinds: outcomes.map(({ kind }) => kind),
        ords: outcomes.map(({ ord }) => ord),
        outcomes,
        statements: counted.statements() - before,
      };
    };

    const keys = {
      none: {},
      request: { requestKey: "r" },
      idempotency: { idempotencyKey: "i", idempotencyExpiresAt: "2999-01-01T00:00:00Z" },
    };

    test.each(Object.keys(keys) as (keyof typeof keys)[])(
      "a group with key %s makes its runs in one statement, tags and all",
      async (name) => {
        await begin();
        const { kinds, outcomes, statements } = await trigger([
          item("plain", keys[name]),
          item("plain", { tags: ["t"] }),
          item("nowhere"),
        ]);
        expect({ kinds, statements }).toEqual({
          kinds: ["created", "created", "task_missing"],
          statements: 1,
        });
        const again = await trigger([item("plain", keys[name])]);
        const met = { none: "created", request: "replayed", idempotency: "cached" }[name];
        expect(again.kinds).toEqual([met]);
        if (name !== "none") expect(again.outcomes[0]?.runId).toBe(outcomes[0]?.runId);
        const tagged = await t.query("select run_id from run_tags where environment_id = $1", [
          environmentId,
        ]);
        expect(tagged).toEqual([{ run_id: outcomes[1]?.runId }]);
      },
    );

    test.each(["none", "request"] as const)(
      "those that need a place get it in a second statement, with key %s",
      async (name) => {
        await begin();
        const active = await trigger([item("skips"), item("replaces")]);
        expect([active.kinds, active.statements]).toEqual([["created", "created"], 2]);
        const mixed = await trigger([
          item("plain", keys[name]),
          item("skips"),
          item("plain"),
          item("replaces", { tags: ["t"] }),
          item("skips", { concurrencyKey: "other" }),
        ]);
        expect(mixed).toMatchObject({
          kinds: ["created", "cached", "created", "created", "created"],
          ords: [1, 2, 3, 4, 5],
          statements: 2,
        });
        expect(mixed.outcomes[1]?.runId).toBe(active.outcomes[0]?.runId);
        expect(mixed.outcomes[3]?.replacedRunId).toBe(active.outcomes[1]?.runId);
        const [places] = await t.query("select count(*)::int as n from runs where environment_id = $1", [
          environmentId,
        ]);
        expect(places?.n).toBe(6);
        const [claimed] = await t.query(
          "select count(*)::int as n from queue_entries where environment_id = $1",
          [environmentId],
        );
        expect(claimed?.n).toBe(6);
      },
    );

    test("what was made is told when the second statement fails; of those alone that need a place nothing is hidden", async () => {
      await begin();
      let calls = 0;
      const call: Database["call"] = async (text, values) => {
        if (++calls % 2 === 0) throw new Error("the connection is gone");
        return t.db.call(text, values);
      };
      const db = { call, read: t.db.read };
      const outcomes = await triggerRuns(db, [item("plain"), item("skips")]);
      expect(outcomes.map(({ kind }) => kind)).toEqual(["created", "again"]);
      await expect(triggerRuns(db, [item("skips")])).rejects.toThrow("the connection is gone");
      const { kinds } = await trigger([item("skips")]);
      expect(kinds).toEqual(["created"]);
    });
  });
});
