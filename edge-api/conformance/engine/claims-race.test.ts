import { claimRuns } from "@longshore/edge-api/db/transitions/claim-runs";
import { endAttempts } from "@longshore/edge-api/db/transitions/end-attempts";
import { settleLanes } from "@longshore/edge-api/db/transitions/settle-lanes";
import { triggerAll } from "@longshore/edge-api/services/write-triggers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { depsOf } from "./deps-of.ts";
import { claimRequest, openTestPostgres, seed } from "./fixture.ts";
import { brokenInvariants } from "./invariants.ts";

const serverUrl = process.env.LONGSHORE_TEST_DATABASE_URL;
const runCount = 160;
const callers = 8;

/** Claims, ends and new lanes that meet in the counters they share, in the order of the database alone. */
describe.skipIf(serverUrl === undefined)("counters that many lanes share, on Postgres", () => {
  let t: Awaited<ReturnType<typeof openTestPostgres>>;
  beforeAll(async () => {
    t = await openTestPostgres(serverUrl ?? "", 16);
    await t.query("update app_clock set frozen_at = null");
  }, 60_000);
  afterAll(() => t.close());

  const gates = [
    { queue: "narrow", concurrencyKey: "s" },
    { queue: "wide", concurrencyKey: "s" },
  ];
  test.each([
    { what: "gates", options: () => ({ gates }) },
    { what: "limits", options: () => ({ concurrency: ["api", "disk"] }) },
    { what: "gates and limits", options: () => ({ gates, concurrency: ["api"] }) },
    { what: "regions", options: (nth: number) => ({ region: nth % 2 === 0 ? "eu" : "us" }) },
  ])(
    "count exactly and exceed nothing, and no conflict surfaces: $what",
    { timeout: 60_000 },
    async ({ options }) => {
      const { environmentId, agentIds } = await seed(t, {
        tasks: [
          { id: "a", queue: { name: "q" } },
          { id: "b", queue: { name: "narrow", concurrencyLimit: 5 } },
          { id: "c", queue: { name: "wide", concurrencyLimit: 9 } },
        ],
        limits: [
          { name: "api", total: 6, perKey: 2 },
          { name: "disk", total: 8, perKey: 2 },
        ],
        agents: 4,
      });
      const deps = depsOf(t.db);
      let done = 0;
      let isOver = false;
      const agentLoop = async (agent: string, nth: number): Promise<void> => {
        const labels = { region: nth % 2 === 0 ? "eu" : "us" };
        while (!isOver) {
          const claim = await claimRuns(t.db, claimRequest(agent, 8, { labels }));
          if (claim.kind !== "claimed") throw new Error(claim.kind);
          const ends = claim.leases.map(({ runId, epoch }) => ({
            ...{ runId, epoch, outcome: "completed" as const, output: null, outputType: null, error: null },
            ...{ finalState: "completed" as const, retry: null, executedMs: 1, begins: true },
          }));
          if (ends.length > 0) await endAttempts(t.db, agent, ends);
          done += ends.length;
          if (claim.emptied.length > 0) await settleLanes(t.db, claim.emptied);
        }
      };
      let next = 0;
      const caller = async (): Promise<void> => {
        while (next < runCount) {
          const nth = next++;
          const body = { payload: nth, options: { concurrencyKey: `k${nth}`, ...options(nth) } };
          const request = {
            task: "a",
            body,
            requestKey: null,
            idempotencyKey: null,
            idempotencyKeyTtl: null,
          };
          expect(await triggerAll(deps, environmentId, [request])).toMatchObject([{ kind: "ok" }]);
        }
      };
      const working = agentIds.map(agentLoop);
      await Promise.all(Array.from({ length: callers }, caller));
      await expect
        .poll(
          async () => {
            await settleLanes(t.db, null);
            return done;
          },
          { timeout: 30_000 },
        )
        .toBe(runCount);
      isOver = true;
      await Promise.all(working);
      expect(await brokenInvariants(t, environmentId)).toEqual([]);
    },
  );
});
