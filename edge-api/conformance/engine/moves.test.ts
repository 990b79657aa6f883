import { claimRuns } from "@longshore/edge-api/db/transitions/claim-runs";
import { completeDueWaits } from "@longshore/edge-api/db/transitions/complete-due-waits";
import { endAttempts, loseAttemptsOfSilentAgents } from "@longshore/edge-api/db/transitions/end-attempts";
import { findLostLeases } from "@longshore/edge-api/db/transitions/find-lost-leases";
import { loseParkedRunsOfSilentAgents } from "@longshore/edge-api/db/transitions/lose-parked-runs";
import { promoteDueRuns } from "@longshore/edge-api/db/transitions/promote-due-runs";
import { releaseRuns } from "@longshore/edge-api/db/transitions/release-runs";
import { settleLanes } from "@longshore/edge-api/db/transitions/settle-lanes";
import { startRuns } from "@longshore/edge-api/db/transitions/start-runs";
import { triggerRuns } from "@longshore/edge-api/db/transitions/trigger-runs";
import { waitRuns } from "@longshore/edge-api/db/transitions/wait-runs";
import { newId } from "@longshore/shared/core/ids";
import { expect, test } from "vitest";
import { describeMoves } from "./describe-moves.ts";
import { cancelOne, claimRequest, triggerItem } from "./fixture.ts";

const noRetry = { retry: { maxAttempts: 1 } };

describeMoves("state moves", (t, place) => {
  test("a run is triggered, claimed, started and completed, and its slot comes back", async () => {
    const p = await place([{ id: "a" }]);
    const id = await p.trigger("a");
    const { leases } = await p.claim(5);
    expect(leases).toMatchObject([{ runId: id, epoch: 1, attempt: 1, task: "a", payload: "{}" }]);
    expect(await p.counts()).toEqual({ env: 1, lanes: 1 });
    expect(await startRuns(t.db, p.agent, [{ runId: id, epoch: 1 }])).toMatchObject([{ kind: "moved" }]);
    expect(await startRuns(t.db, p.agent, [{ runId: id, epoch: 1 }])).toMatchObject([{ kind: "repeated" }]);
    const ended = await endAttempts(t.db, p.agent, [p.end(id, 1)]);
    expect(ended.results).toMatchObject([{ kind: "moved" }]);
    expect((await endAttempts(t.db, p.agent, [p.end(id, 1)])).results).toMatchObject([{ kind: "repeated" }]);
    expect(await p.run(id)).toMatchObject({ state: "completed", output: '"done"', attempt: 1 });
    expect(await p.counts()).toEqual({ env: 0, lanes: 0 });
  });

  test("a stale lease epoch cannot start or complete a run", async () => {
    const p = await place([{ id: "a" }]);
    const id = await p.trigger("a");
    await p.claim(1);
    expect(await startRuns(t.db, p.agent, [{ runId: id, epoch: 0 }])).toMatchObject([{ kind: "refused" }]);
    await startRuns(t.db, p.agent, [{ runId: id, epoch: 1 }]);
    expect((await endAttempts(t.db, p.agent, [p.end(id, 2)])).results).toMatchObject([{ kind: "refused" }]);
    expect((await endAttempts(t.db, "agent_other", [p.end(id, 1)])).results).toMatchObject([
      { kind: "refused" },
    ]);
    expect((await endAttempts(t.db, p.agent, [p.end("run_none", 1)])).results).toMatchObject([
      { kind: "missing" },
    ]);
    expect(await p.run(id)).toMatchObject({ state: "executing" });
  });

  test("a lease is repeated until the agent shows that it holds it", async () => {
    const p = await place([{ id: "a" }]);
    const id = await p.trigger("a");
    await p.claim(1);
    expect((await p.claim(0)).leases).toMatchObject([{ runId: id, epoch: 1 }]);
    expect((await p.claim(0, p.agent, { held: [{ runId: id, epoch: 1 }] })).leases).toEqual([]);
    expect((await p.claim(0)).leases).toEqual([]);
  });

  test("a queue's limit holds for each concurrency key apart", async () => {
    const p = await place([{ id: "a", queue: { name: "q", concurrencyLimit: 2 } }]);
    for (let i = 0; i < 4; i++) {
      await p.trigger("a", { concurrencyKey: "x" });
      await p.trigger("a", { concurrencyKey: "y" });
    }
    const { leases } = await p.claim(100);
    expect(leases).toHaveLength(4);
    const first = leases[0]?.runId ?? "";
    await startRuns(t.db, p.agent, [{ runId: first, epoch: 1 }]);
    await endAttempts(t.db, p.agent, [p.end(first, 1)]);
    expect((await p.claim(100, p.agent, { held: leases })).leases).toHaveLength(1);
  });

  test("an environment's limit holds over all its queues", async () => {
    const p = await place([{ id: "a" }, { id: "b" }], 2, 3);
    for (let i = 0; i < 3; i++) {
      await p.trigger("a");
      await p.trigger("b");
    }
    expect((await p.claim(10)).leases).toHaveLength(3);
    expect((await p.claim(10, p.agentIds[1])).leases).toHaveLength(0);
  });

  test("each lease of one claim tells its own queue, file and version", async () => {
    const p = await place([{ id: "a" }, { id: "b", queue: { name: "slow" } }]);
    const older = newId("deployment");
    await t.query(
      `insert into deployments (id, environment_id, version, short_code, status, bundle_hash, manifest)
       select $1, environment_id, 'older', 'old', status, bundle_hash, manifest || '{"entry":"older.mjs"}' from deployments where id = $2`,
      [older, p.deploymentId],
    );
    await t.query(
      `insert into tasks (environment_id, deployment_id, slug, file_path, queue_name, retry, machine)
       select environment_id, $1, slug, 'older.ts', queue_name, retry, machine from tasks where deployment_id = $2`,
      [older, p.deploymentId],
    );
    await t.query("update tasks set file_path = slug || '.ts' where deployment_id = $1", [p.deploymentId]);
    const [a, b, pinned] = [
      await p.trigger("a"),
      await p.trigger("b"),
      await p.trigger("a", { lockVersion: "older" }),
    ];
    const { leases } = await p.claim(5);
    const told = leases.map(({ runId, queue, filePath, deployment, environment }) => [
      runId,
      [queue.name, filePath, deployment?.entry, environment.id],
    ]);
    expect(Object.fromEntries(told)).toEqual({
      [a]: ["task/a", "a.ts", "index.mjs", p.environmentId],
      [b]: ["slow", "b.ts", "index.mjs", p.environmentId],
      [pinned]: ["task/a", "older.ts", "older.mjs", p.environmentId],
    });
  });

  test("a lane that gave several runs at once stays open until a claim finds it empty, one that gave its only run does not", async () => {
    const p = await place([{ id: "a" }]);
    const isOpen = async () =>
      (await t.query("select has_work from lanes where environment_id = $1", [p.environmentId]))[0]?.has_work;
    await p.trigger("a");
    await p.trigger("a");
    expect(await p.claim(5)).toMatchObject({ emptied: [], more: false, leases: [{}, {}] });
    expect(await isOpen()).toBe(true);
    expect(await p.claim(5)).toMatchObject({ emptied: [expect.any(String)], more: false });
    expect(await isOpen()).toBe(false);
    await p.trigger("a");
    expect(await p.claim(5)).toMatchObject({ emptied: [expect.any(String)], more: false });
    expect(await isOpen()).toBe(false);
  });

  test("a busy queue does not starve another one", async () => {
    const p = await place([{ id: "a" }, { id: "b" }]);
    for (let i = 0; i < 20; i++) await p.trigger("a");
    const b = await p.trigger("b");
    const { leases } = await p.claim(4);
    expect(leases.map((lease) => lease.runId)).toContain(b);
  });

  test("a higher priority goes before older runs of its queue", async () => {
    const p = await place([{ id: "a" }]);
    await p.trigger("a");
    const urgent = await p.trigger("a", { priority: 10 });
    expect((await p.claim(1)).leases).toMatchObject([{ runId: urgent }]);
  });

  test("a failed attempt is tried again after its pause, then fails for good", async () => {
    const retry = {
      maxAttempts: 2,
      factor: 2,
      minTimeoutInMs: 1_000,
      maxTimeoutInMs: 60_000,
      randomize: false,
    };
    const p = await place([{ id: "a", retry }]);
    const id = await p.trigger("a");
    const failed = {
      outcome: "failed" as const,
      error: { type: "STRING_ERROR" as const, raw: "no" },
      output: null,
    };
    await p.claim(1);
    await startRuns(t.db, p.agent, [{ runId: id, epoch: 1 }]);
    await endAttempts(t.db, p.agent, [p.end(id, 1, { ...failed, retry: { spread: 1, delayMs: null } })]);
    expect(await p.run(id)).toMatchObject({ state: "delayed", attempt: 1 });
    expect((await promoteDueRuns(t.db)).count).toBe(0);
    await t.advance(1_001);
    expect((await promoteDueRuns(t.db)).count).toBe(1);
    expect((await p.claim(1)).leases).toMatchObject([{ runId: id, epoch: 2, attempt: 2 }]);
    await startRuns(t.db, p.agent, [{ runId: id, epoch: 2 }]);
    await endAttempts(t.db, p.agent, [p.end(id, 2, { ...failed, retry: { spread: 1, delayMs: null } })]);
    expect(await p.run(id)).toMatchObject({ state: "failed", error: { raw: "no" } });
    expect(await p.counts()).toEqual({ env: 0, lanes: 0 });
  });

  test("a waiting parent gives up its slot and continues on its agent with the child's output", async () => {
    const p = await place([{ id: "a", queue: { name: "one", concurrencyLimit: 1 } }], 2);
    const parent = await p.trigger("a");
    await p.claim(1);
    await startRuns(t.db, p.agent, [{ runId: parent, epoch: 1 }]);
    const child = await p.trigger("a", { parentRunId: parent, resumeParent: true });
    expect((await p.claim(1, p.agentIds[1])).leases).toEqual([]);
    const waited = await waitRuns(t.db, p.agent, [
      { runId: parent, epoch: 1, waits: [{ kind: "run", runId: child }] },
    ]);
    expect(waited.results).toMatchObject([{ kind: "moved" }]);
    const other = p.agentIds[1] ?? "";
    expect((await p.claim(1, other)).leases).toMatchObject([{ runId: child }]);
    await startRuns(t.db, other, [{ runId: child, epoch: 1 }]);
    const ended = await endAttempts(t.db, other, [p.end(child, 1)]);
    expect(ended.hints.agentIds).toEqual([p.agent]);
    expect((await p.claim(1, other)).leases).toEqual([]);
    const held = [{ runId: parent, epoch: 1 }];
    const { leases, orders } = await p.claim(1, p.agent, { held });
    expect(orders).toEqual([]);
    expect(leases).toMatchObject([
      {
        runId: parent,
        epoch: 2,
        attempt: 1,
        isContinuation: true,
        waits: [{ kind: "run", runId: child, output: '"done"' }],
      },
    ]);
    expect(await p.run(parent)).toMatchObject({ state: "executing" });
    await endAttempts(t.db, p.agent, [p.end(parent, 2)]);
    expect(await p.counts()).toEqual({ env: 0, lanes: 0 });
  });

  test("a wait that is over before it begins is answered at once", async () => {
    const p = await place([{ id: "a" }]);
    const parent = await p.trigger("a");
    await p.claim(1);
    await startRuns(t.db, p.agent, [{ runId: parent, epoch: 1 }]);
    const child = await p.trigger("a", { parentRunId: parent, resumeParent: true });
    await p.claim(1);
    await startRuns(t.db, p.agent, [{ runId: child, epoch: 1 }]);
    await endAttempts(t.db, p.agent, [p.end(child, 1)]);
    const waited = await waitRuns(t.db, p.agent, [
      { runId: parent, epoch: 1, waits: [{ kind: "run", runId: child }] },
    ]);
    expect(waited.results).toMatchObject([{ kind: "ready", waits: [{ runId: child, output: '"done"' }] }]);
    expect(await p.run(parent)).toMatchObject({ state: "executing" });
  });

  test("a time wait wakes when it is due, and not before", async () => {
    const p = await place([{ id: "a" }]);
    const id = await p.trigger("a");
    await p.claim(1);
    await startRuns(t.db, p.agent, [{ runId: id, epoch: 1 }]);
    const now = (await t.query("select app_now() as now"))[0]?.now;
    const at = new Date(Date.parse(String(now)) + 60_000).toISOString();
    await waitRuns(t.db, p.agent, [
      { runId: id, epoch: 1, waits: [{ kind: "time", id: newId("waitPoint"), at }] },
    ]);
    expect((await completeDueWaits(t.db)).count).toBe(0);
    await t.advance(60_001);
    expect(await completeDueWaits(t.db)).toMatchObject({ count: 1, hints: { agentIds: [p.agent] } });
    expect((await p.claim(1)).leases).toMatchObject([{ runId: id, isContinuation: true, epoch: 2 }]);
  });

  test("an unknown wait point is broken, and the run stays where it is", async () => {
    const p = await place([{ id: "a" }]);
    const id = await p.trigger("a");
    await p.claim(1);
    await startRuns(t.db, p.agent, [{ runId: id, epoch: 1 }]);
    const answer = await waitRuns(t.db, p.agent, [
      { runId: id, epoch: 1, waits: [{ kind: "run", runId: "run_none" }] },
    ]);
    expect(answer.results).toMatchObject([{ kind: "broken" }]);
    expect(await p.run(id)).toMatchObject({ state: "executing" });
  });

  test("a silent agent's attempt is lost and tried again elsewhere; its late report is refused", async () => {
    const p = await place([{ id: "a" }], 2);
    const id = await p.trigger("a");
    await p.claim(1);
    await startRuns(t.db, p.agent, [{ runId: id, epoch: 1 }]);
    await t.advance(40_000);
    const { leases, silentSince } = await findLostLeases(t.db, { silentMs: 35_000, startMs: 60_000 });
    const mine = leases.filter((lease) => lease.runId === id);
    expect(mine).toMatchObject([{ epoch: 1, phase: "executing", isSilent: true }]);
    const error = { type: "INTERNAL_ERROR" as const, code: "TASK_RUN_LEASE_LOST" as const };
    const lost = p.end(id, 1, { outcome: "lost", error, output: null, retry: { spread: 1, delayMs: 0 } });
    expect((await loseAttemptsOfSilentAgents(t.db, [lost], silentSince)).results).toMatchObject([
      { kind: "moved" },
    ]);
    await promoteDueRuns(t.db);
    const other = p.agentIds[1] ?? "";
    expect((await p.claim(1, other)).leases).toMatchObject([{ runId: id, epoch: 2, attempt: 2 }]);
    expect((await endAttempts(t.db, p.agent, [p.end(id, 1)])).results).toMatchObject([{ kind: "refused" }]);
    expect((await p.claim(0, p.agent, { held: [{ runId: id, epoch: 1 }] })).orders).toMatchObject([
      { kind: "stop", runId: id },
    ]);
  });

  test("an agent that is heard again in time loses nothing", async () => {
    const p = await place([{ id: "a" }]);
    const id = await p.trigger("a");
    await p.claim(1);
    await startRuns(t.db, p.agent, [{ runId: id, epoch: 1 }]);
    await t.advance(40_000);
    const { silentSince } = await findLostLeases(t.db, { silentMs: 35_000, startMs: 60_000 });
    await p.claim(0, p.agent, { held: [{ runId: id, epoch: 1 }] });
    const lost = p.end(id, 1, { outcome: "lost" });
    expect((await loseAttemptsOfSilentAgents(t.db, [lost], silentSince)).results).toMatchObject([
      { kind: "refused" },
    ]);
  });

  test("a run that waits on an agent that went away is lost with it", async () => {
    const p = await place([{ id: "a", ...noRetry }]);
    const id = await p.trigger("a");
    await p.claim(1);
    await startRuns(t.db, p.agent, [{ runId: id, epoch: 1 }]);
    const at = "2999-01-01T00:00:00.000Z";
    await waitRuns(t.db, p.agent, [
      { runId: id, epoch: 1, waits: [{ kind: "time", id: newId("waitPoint"), at }] },
    ]);
    await t.advance(40_000);
    const { silentSince } = await findLostLeases(t.db, { silentMs: 35_000, startMs: 60_000 });
    const error = { type: "INTERNAL_ERROR", code: "TASK_RUN_LEASE_LOST", message: "gone" };
    expect((await loseParkedRunsOfSilentAgents(t.db, silentSince, error)).count).toBeGreaterThanOrEqual(1);
    expect(await p.run(id)).toMatchObject({ state: "system_failure" });
  });

  test("a run given back unstarted is tried again later and says why", async () => {
    const p = await place([{ id: "a" }]);
    const id = await p.trigger("a");
    await p.claim(1);
    const release = { runId: id, epoch: 1, reason: "image missing", retryable: true };
    expect((await releaseRuns(t.db, p.agent, [release])).results).toMatchObject([{ kind: "moved" }]);
    expect((await releaseRuns(t.db, p.agent, [release])).results).toMatchObject([{ kind: "repeated" }]);
    expect(await p.run(id)).toMatchObject({ state: "delayed", attempt: 0, reason: "image missing" });
    await t.advance(1_001);
    await promoteDueRuns(t.db);
    await p.claim(1);
    await releaseRuns(t.db, p.agent, [{ ...release, epoch: 2, retryable: false }]);
    expect(await p.run(id)).toMatchObject({
      state: "system_failure",
      error: { code: "TASK_RUN_START_FAILED" },
    });
  });

  test("a queued run is cancelled at once, an executing one through its agent", async () => {
    const p = await place([{ id: "a" }]);
    const queued = await p.trigger("a");
    const ask = (runId: string) => cancelOne(t.db, p.environmentId, runId);
    expect(await ask(queued)).toMatchObject({ kind: "moved" });
    expect(await ask(queued)).toMatchObject({ kind: "repeated" });
    expect(await ask("run_none")).toMatchObject({ kind: "missing" });
    const id = await p.trigger("a");
    await p.claim(1);
    await startRuns(t.db, p.agent, [{ runId: id, epoch: 1 }]);
    expect(await ask(id)).toMatchObject({ kind: "requested", hints: { agentIds: [p.agent] } });
    const held = [{ runId: id, epoch: 1 }];
    expect((await p.claim(0, p.agent, { held })).orders).toMatchObject([
      { kind: "cancel", runId: id, epoch: 1 },
    ]);
    await endAttempts(t.db, p.agent, [p.end(id, 1, { outcome: "canceled", output: null })]);
    expect(await p.run(id)).toMatchObject({ state: "canceled" });
    expect(await p.counts()).toEqual({ env: 0, lanes: 0 });
  });

  test("a child that is cancelled wakes its parent", async () => {
    const p = await place([{ id: "a" }]);
    const parent = await p.trigger("a");
    await p.claim(1);
    await startRuns(t.db, p.agent, [{ runId: parent, epoch: 1 }]);
    const child = await p.trigger("a", { parentRunId: parent, resumeParent: true });
    await waitRuns(t.db, p.agent, [{ runId: parent, epoch: 1, waits: [{ kind: "run", runId: child }] }]);
    const answer = await cancelOne(t.db, p.environmentId, child);
    expect(answer).toMatchObject({ kind: "moved", hints: { agentIds: [p.agent] } });
    expect(await p.run(parent)).toMatchObject({ state: "queued" });
  });

  test("the same request makes one run, and a delayed run is not claimed", async () => {
    const p = await place([{ id: "a" }]);
    const id = await p.trigger("a", { requestKey: "r1", delayUntil: "2999-01-01T00:00:00.000Z" });
    expect(await p.trigger("a", { requestKey: "r1" })).toBe(id);
    expect((await p.claim(5)).leases).toEqual([]);
    expect(await p.run(id)).toMatchObject({ state: "delayed" });
  });

  test("what cannot be triggered says why, and the rest of the batch is made", async () => {
    const p = await place([{ id: "a" }]);
    const item = (task: string, over = {}) => triggerItem(p.environmentId, task, over);
    const outcomes = await triggerRuns(t.db, [
      item("none"),
      item("a"),
      item("a", { lockVersion: "1.1" }),
      item("a", { queue: "none" }),
      item("a", { parentRunId: "run_none" }),
    ]);
    expect(outcomes.map((o) => o.kind)).toEqual([
      "task_missing",
      "created",
      "version_missing",
      "queue_missing",
      "parent_missing",
    ]);
  });

  test("a lane closed as empty is reopened when something is in it after all", async () => {
    const p = await place([{ id: "a" }]);
    await p.trigger("a");
    await t.query("update lanes set has_work = false where environment_id = $1", [p.environmentId]);
    expect((await p.claim(1)).leases).toEqual([]);
    expect((await settleLanes(t.db, null)).environmentIds).toContain(p.environmentId);
    expect((await p.claim(1)).leases).toHaveLength(1);
  });

  test("an older boot of the same agent is superseded", async () => {
    const p = await place([{ id: "a" }]);
    await claimRuns(t.db, claimRequest(p.agent, 0, { bootId: "boot_2" }));
    expect(await claimRuns(t.db, claimRequest(p.agent, 0))).toEqual({ kind: "superseded" });
    expect(await claimRuns(t.db, claimRequest("agent_none", 0))).toEqual({ kind: "missing" });
  });
});
