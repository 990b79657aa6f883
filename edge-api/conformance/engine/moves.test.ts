import { endAttempts } from "@longshore/edge-api/db/transitions/end-attempts";
import { promoteDueRuns } from "@longshore/edge-api/db/transitions/promote-due-runs";
import { startRuns } from "@longshore/edge-api/db/transitions/start-runs";
import { triggerRuns } from "@longshore/edge-api/db/transitions/trigger-runs";
import { waitRuns } from "@longshore/edge-api/db/transitions/wait-runs";
import { expect, test } from "vitest";
import { describeMoves } from "./describe-moves.ts";
import { cancelOne, triggerItem } from "./fixture.ts";

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
});
