import type { Database } from "@longshore/edge-api/db/database";
import { keysOf, type TriggerItem, triggerRuns } from "@longshore/edge-api/db/transitions/trigger-runs";
import { createInProcessHints } from "@longshore/edge-api/hints/in-process";
import type { Deps } from "@longshore/edge-api/services/deps";
import { writeTrigger } from "@longshore/edge-api/services/write-triggers";
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
    beforeAll(async () => {
      t = await open();
    }, 60_000);
    afterAll(() => t.close());
    const item = (task: string, over: Partial<TriggerItem> = {}) => triggerItem(environmentId, task, over);
    const begin = async () => {
      ({ environmentId } = await seed(t, { tasks, agents: 1 }));
    };
    const count = async (table: "runs" | "queue_entries" | "run_tags") =>
      (await t.query(`select count(*)::int as n from ${table} where environment_id = $1`, [environmentId]))[0]
        ?.n;
    const until2999 = { idempotencyExpiresAt: "2999-01-01T00:00:00Z" };
    const keys = {
      none: {},
      request: { requestKey: "r" },
      all: { idempotencyKey: "i", ...until2999 },
    };
    const names = Object.keys(keys) as (keyof typeof keys)[];

    test.each(names)(
      "the statement for keys %s makes runs, finds them again, and tags them",
      async (name) => {
        await begin();
        const items = [item("plain", keys[name]), item("plain", { tags: ["t"] }), item("nowhere")];
        expect(keysOf(items)).toBe(name);
        const made = await triggerRuns(t.db, items, name);
        expect(made.map(({ kind }) => kind)).toEqual(["created", "created", "task_missing"]);
        expect([await count("runs"), await count("queue_entries"), await count("run_tags")]).toEqual([
          2, 2, 1,
        ]);
        const [again] = await triggerRuns(t.db, [item("plain", keys[name])], name);
        expect(again?.kind).toBe({ none: "created", request: "replayed", all: "cached" }[name]);
        if (name !== "none") expect(again?.runId).toBe(made[0]?.runId);
      },
    );

    test("of equal request keys in one group one wins, and the others meet its run next time", async () => {
      await begin();
      const items = Array.from({ length: 3 }, () => item("plain", { requestKey: "same" }));
      const outcomes = await triggerRuns(t.db, items, "request");
      expect(outcomes.map(({ kind }) => kind).sort()).toEqual(["again", "again", "created"]);
      for (const keys of ["request", "all"] as const)
        expect(await triggerRuns(t.db, [item("plain", { requestKey: "same" })], keys)).toMatchObject([
          { kind: "replayed", runId: outcomes.find(({ kind }) => kind === "created")?.runId },
        ]);
    });

    test.each(["none", "request"] as const)(
      "what needs a place is left alone by the statement for keys %s",
      async (name) => {
        await begin();
        const items = [
          item("plain", keys[name]),
          item("skips", keys[name]),
          item("plain"),
          item("replaces"),
          item("skips", { lockVersion: "20990101.1" }),
        ];
        const outcomes = await triggerRuns(t.db, items, name);
        expect(outcomes.map(({ kind }) => kind)).toEqual([
          "created",
          "placed",
          "created",
          "placed",
          "version_missing",
        ]);
        expect([await count("runs"), await count("queue_entries")]).toEqual([2, 2]);
      },
    );

    describe("as the service writes them", () => {
      const depsOf = (db: Database) =>
        ({ db, groupsCommits: true, hints: createInProcessHints("test") }) as unknown as Deps;

      test("a place costs a second statement once, and is known from then on", async () => {
        await begin();
        const counted = countStatements(t.db);
        const deps = depsOf(counted.db);
        const cost = async (task: string, over = {}) => {
          const before = counted.statements();
          const written = await writeTrigger(deps, item(task, over), null);
          return { ...written, statements: counted.statements() - before };
        };
        const first = await cost("skips");
        expect(first).toMatchObject({ isCached: false, statements: 2 });
        expect(await cost("skips")).toEqual({ id: first.id, isCached: true, statements: 1 });
        expect(await cost("plain")).toMatchObject({ isCached: false, statements: 1 });
        expect(await cost("plain", keys.all)).toMatchObject({ isCached: false, statements: 1 });
      });

      test("one that cannot be stored fails alone, whatever it needs and whoever is beside it", async () => {
        await begin();
        const deps = depsOf(t.db);
        const bad = { priority: 1e18 };
        const written = await Promise.allSettled(
          [
            item("plain"),
            item("skips", bad),
            item("skips", { concurrencyKey: "other" }),
            item("plain", bad),
            item("replaces"),
            item("plain", keys.all),
          ].map((one) => writeTrigger(deps, one, null)),
        );
        expect(written.map(({ status }) => status)).toEqual([
          ...["fulfilled", "rejected", "fulfilled"],
          ...["rejected", "fulfilled", "fulfilled"],
        ]);
        expect(await count("runs")).toBe(4);
      });

      test("a lost answer of the statement that gives places is told as such, and nothing is made twice", async () => {
        await begin();
        let isLost = true;
        const call: Database["call"] = async (text, values) => {
          const answer = await t.db.call(text, values);
          if (!isLost || !JSON.stringify(answer).includes("created")) return answer;
          throw new Error("the connection is gone");
        };
        const deps = depsOf({ call, read: t.db.read });
        await expect(writeTrigger(deps, item("replaces", { requestKey: "x" }), null)).rejects.toThrow("gone");
        isLost = false;
        const again = await writeTrigger(deps, item("replaces", { requestKey: "x" }), null);
        expect([await count("runs"), again.isCached]).toEqual([1, false]);
      });
    });
  });
});
