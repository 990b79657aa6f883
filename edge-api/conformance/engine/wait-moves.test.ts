import { completeDueWaits } from "@longshore/edge-api/db/transitions/complete-due-waits";
import { endAttempts } from "@longshore/edge-api/db/transitions/end-attempts";
import { startRuns } from "@longshore/edge-api/db/transitions/start-runs";
import { waitRuns } from "@longshore/edge-api/db/transitions/wait-runs";
import { newId } from "@longshore/shared/core/ids";
import { expect, test } from "vitest";
import { describeMoves } from "./describe-moves.ts";

describeMoves("moves of waiting runs", (t, place) => {
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
});
