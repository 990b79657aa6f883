import { claimRuns } from "@longshore/edge-api/db/transitions/claim-runs";
import { endAttempts } from "@longshore/edge-api/db/transitions/end-attempts";
import { promoteDueRuns } from "@longshore/edge-api/db/transitions/promote-due-runs";
import { startRuns } from "@longshore/edge-api/db/transitions/start-runs";
import { triggerRuns } from "@longshore/edge-api/db/transitions/trigger-runs";
import { type RetryPolicy, retryDelayMs } from "@longshore/shared/core/back-off";
import { afterAll, beforeAll, expect, test } from "vitest";
import { claimRequest, openTestPglite, seed, type TestDatabase, triggerItem } from "./fixture.ts";

let t: TestDatabase;
beforeAll(async () => {
  t = await openTestPglite();
}, 60_000);
afterAll(() => t.close());

const policy = (over: Partial<RetryPolicy>): RetryPolicy => ({
  ...{ maxAttempts: 6, factor: 2, minTimeoutInMs: 1_000, maxTimeoutInMs: 60_000, randomize: false, ...over },
});

test.each([
  ["the default", policy({})],
  ["a random one", policy({ randomize: true })],
  ["a slow one", policy({ factor: 1.3, minTimeoutInMs: 250 })],
  ["a constant one", policy({ factor: 1, minTimeoutInMs: 5_000 })],
  ["one that would overflow", policy({ factor: 1e200, minTimeoutInMs: 1e200 })],
])("the database pauses as the shared arithmetic says: %s", async (_name, retry) => {
  const { environmentId, agentIds } = await seed(t, { tasks: [{ id: "a", retry }], agents: 1 });
  const agent = agentIds[0] ?? "";
  const [outcome] = await triggerRuns(t.db, [triggerItem(environmentId, "a")]);
  const runId = outcome?.runId ?? "";
  for (let attempt = 1; attempt <= retry.maxAttempts; attempt++) {
    await claimRuns(t.db, claimRequest(agent, 1));
    await startRuns(t.db, agent, [{ runId, epoch: attempt }]);
    const end = { runId, epoch: attempt, outcome: "failed" as const, output: null, outputType: null };
    const error = { type: "STRING_ERROR" as const, raw: "no" };
    await endAttempts(t.db, agent, [
      { ...end, error, finalState: "failed", executedMs: 1, retry: { spread: 1.25, delayMs: null } },
    ]);
    const [row] = await t.query(
      "select state, round(extract(epoch from due_at - app_now()) * 1000)::float8 as pause from runs where id = $1",
      [runId],
    );
    const pause = retryDelayMs(retry, attempt, () => 0.25);
    expect(row).toEqual({ state: pause === null ? "failed" : "delayed", pause });
    await t.advance(60_001);
    await promoteDueRuns(t.db);
  }
});
