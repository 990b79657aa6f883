import type { ClaimedLease } from "@longshore/edge-api/db/transitions/claim-answer";
import { claimRuns } from "@longshore/edge-api/db/transitions/claim-runs";
import { completeDueWaits } from "@longshore/edge-api/db/transitions/complete-due-waits";
import { endAttempts } from "@longshore/edge-api/db/transitions/end-attempts";
import { promoteDueRuns } from "@longshore/edge-api/db/transitions/promote-due-runs";
import { settleLanes } from "@longshore/edge-api/db/transitions/settle-lanes";
import { startRuns } from "@longshore/edge-api/db/transitions/start-runs";
import { triggerRuns } from "@longshore/edge-api/db/transitions/trigger-runs";
import { waitRuns } from "@longshore/edge-api/db/transitions/wait-runs";
import { wakeSettledRuns } from "@longshore/edge-api/db/transitions/wake-settled-runs";
import { newId } from "@longshore/shared/core/ids";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { cancelOne, claimRequest, openTestPostgres, seed, triggerItem } from "./fixture.ts";
import { brokenInvariants, strayEvents } from "./invariants.ts";

const serverUrl = process.env.LONGSHORE_TEST_DATABASE_URL;
const runCount = 300;
const laneMax = { one: 1, two: 2, three: 3 };

/** True concurrency: several connections, no order but that of the database. */
describe.skipIf(serverUrl === undefined)("four agents at once on Postgres", () => {
  let t: Awaited<ReturnType<typeof openTestPostgres>>;
  beforeAll(async () => {
    t = await openTestPostgres(serverUrl ?? "");
    await t.query("update app_clock set frozen_at = null");
  }, 60_000);
  afterAll(() => t.close());

  test("every run ends, none is executed twice at the same time, no slot is left and no conflict surfaces", async () => {
    const tasks = Object.entries(laneMax).map(([id, concurrencyLimit]) => ({
      ...{ id, queue: { name: id, concurrencyLimit } },
      retry: { maxAttempts: 2, minTimeoutInMs: 1, maxTimeoutInMs: 5, randomize: false },
    }));
    const { environmentId, agentIds } = await seed(t, { tasks, agents: 4, runningMax: 20 });
    const executing = new Set<string>();
    const overlaps: string[] = [];
    const enter = (id: string) => (executing.has(id) ? overlaps.push(id) : executing.add(id));
    let turn = 0;
    const trigger = async (task: string, over = {}) => {
      const item = triggerItem(environmentId, task, { concurrencyKey: `k${turn++ % 3}`, ...over });
      return (await triggerRuns(t.db, [item]))[0]?.runId ?? "";
    };
    const ending = (lease: ClaimedLease, n: number) => ({
      ...{
        runId: lease.runId,
        epoch: lease.epoch,
        output: "1",
        outputType: "application/json",
        executedMs: 1,
      },
      outcome: n % 7 === 0 ? ("failed" as const) : ("completed" as const),
      error: n % 7 === 0 ? { type: "STRING_ERROR" as const, raw: "no" } : null,
      ...{ finalState: "failed" as const, retry: { spread: 1, delayMs: null } },
    });

    const execute = async (agent: string, lease: ClaimedLease): Promise<void> => {
      const n = turn++;
      const { runId, epoch } = lease;
      enter(runId);
      if (!lease.isContinuation) await startRuns(t.db, agent, [{ runId, epoch }]);
      // A parent waits in the very queue that its child needs.
      const isParent = !lease.isContinuation && lease.parentRunId === null && n % 3 === 0;
      if (isParent || n % 11 === 0) {
        const at = new Date(Date.now() + 5).toISOString();
        const wait = isParent
          ? {
              kind: "run" as const,
              runId: await trigger(lease.task, { parentRunId: runId, resumeParent: true }),
            }
          : { kind: "time" as const, id: newId("waitPoint"), at };
        executing.delete(runId);
        const { results } = await waitRuns(t.db, agent, [{ runId, epoch, waits: [wait] }]);
        if (results[0]?.kind === "moved") return;
        enter(runId);
      }
      if (n % 13 === 0) await cancelOne(t.db, environmentId, runId);
      executing.delete(runId);
      await endAttempts(t.db, agent, [ending(lease, n)]);
    };

    const left = async () =>
      (await t.query("select count(*)::int as n from runs where finished_at is null"))[0]?.n;
    const isOver = { now: false };
    const agentLoop = async (agent: string): Promise<void> => {
      while (!isOver.now) {
        const claim = await claimRuns(t.db, claimRequest(agent, 5));
        if (claim.kind !== "claimed") throw new Error(claim.kind);
        await Promise.all(claim.leases.map((lease) => execute(agent, lease)));
        if (claim.emptied.length > 0) await settleLanes(t.db, claim.emptied);
      }
    };
    const platformLoop = async (): Promise<void> => {
      for (let quiet = 0; quiet < 3; ) {
        await promoteDueRuns(t.db);
        await completeDueWaits(t.db);
        await settleLanes(t.db, null);
        await wakeSettledRuns(t.db);
        quiet = (await left()) === 0 ? quiet + 1 : 0;
      }
      isOver.now = true;
    };
    const callerLoop = async (): Promise<void> => {
      for (let i = 0; i < runCount; i += 3) {
        const ids = await Promise.all(Object.keys(laneMax).map((task) => trigger(task)));
        if (i % 10 === 0) await cancelOne(t.db, environmentId, ids[0] ?? "");
      }
    };
    const limits = async () => {
      while (!isOver.now) expect(await overLimit(environmentId)).toEqual([]);
    };
    const overLimit = (id: string) =>
      t.query("select id from lanes where environment_id = $1 and running > running_max", [id]);
    const calls = callerLoop();
    await Promise.all([calls, ...agentIds.map(agentLoop), calls.then(platformLoop), limits()]);
    expect(overlaps).toEqual([]);
    expect(await brokenInvariants(t, environmentId)).toEqual([]);
    expect(await strayEvents(t, environmentId)).toEqual([]);
    const slots = await t.query("select running from environment_slots where environment_id = $1", [
      environmentId,
    ]);
    expect(slots).toEqual([{ running: 0 }]);
    const waits = await t.query(
      "select status, count(*)::int as n from wait_points where status = 'pending' group by 1",
    );
    expect(waits).toEqual([]);
    const deadlocks = await t.query(
      "select deadlocks::int as n from pg_stat_database where datname = current_database()",
    );
    expect(deadlocks).toEqual([{ n: 0 }]);
  }, 120_000);
});
