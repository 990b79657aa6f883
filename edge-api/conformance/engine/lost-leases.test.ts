import { endAttempts, loseAttemptsOfSilentAgents } from "@longshore/edge-api/db/transitions/end-attempts";
import { findLostLeases } from "@longshore/edge-api/db/transitions/find-lost-leases";
import { loseParkedRunsOfSilentAgents } from "@longshore/edge-api/db/transitions/lose-parked-runs";
import { promoteDueRuns } from "@longshore/edge-api/db/transitions/promote-due-runs";
import { releaseRuns } from "@longshore/edge-api/db/transitions/release-runs";
import { startRuns } from "@longshore/edge-api/db/transitions/start-runs";
import { waitRuns } from "@longshore/edge-api/db/transitions/wait-runs";
import { newId } from "@longshore/shared/core/ids";
import { expect, test } from "vitest";
import { describeMoves } from "./describe-moves.ts";

const noRetry = { retry: { maxAttempts: 1 } };

describeMoves("leases that are lost or given back", (t, place) => {
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
});
