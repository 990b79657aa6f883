import { claimRuns } from "@longshore/edge-api/db/transitions/claim-runs";
import { completeDueWaits } from "@longshore/edge-api/db/transitions/complete-due-waits";
import { endAttempts, loseAttemptsOfSilentAgents } from "@longshore/edge-api/db/transitions/end-attempts";
import { expireRuns } from "@longshore/edge-api/db/transitions/expire-runs";
import { findLostLeases } from "@longshore/edge-api/db/transitions/find-lost-leases";
import { loseParkedRunsOfSilentAgents } from "@longshore/edge-api/db/transitions/lose-parked-runs";
import { promoteDueRuns } from "@longshore/edge-api/db/transitions/promote-due-runs";
import { releaseRuns } from "@longshore/edge-api/db/transitions/release-runs";
import { startRuns } from "@longshore/edge-api/db/transitions/start-runs";
import { waitRuns } from "@longshore/edge-api/db/transitions/wait-runs";
import { newId } from "@longshore/shared/core/ids";
import { expect } from "vitest";
import { cancelOne, claimRequest, seed, type TestDatabase, triggerItem, triggerLinked } from "./fixture.ts";
import { brokenInvariants, strayEvents } from "./invariants.ts";
import { Model, type ModelRun, maxAttempts, retryPauseMs, silentMs } from "./model.ts";

/** One step of a history: its numbers choose among what there is at that moment. */
export type Step = { op: (typeof ops)[number]; a: number; b: number; c: number };

export const ops = [
  ...["trigger", "trigger", "trigger", "child", "child", "child", "child", "child", "child"],
  ...[
    "claim",
    "claim",
    "claim",
    "claim",
    "claim",
    "claim",
    "claim",
    "start",
    "start",
    "start",
    "start",
    "start",
  ],
  ...[
    "start",
    "start",
    "complete",
    "complete",
    "complete",
    "fail",
    "fail",
    "wait",
    "wait",
    "wait",
    "wait",
    "wait",
  ],
  ...[
    "cancel",
    "cancel",
    "release",
    "repeat",
    "repeat",
    "stale",
    "stale",
    "advance",
    "advance",
    "due",
    "due",
    "silence",
  ],
] as const;

const envMax = 5;
const laneMax = 3;
const error = { type: "STRING_ERROR" as const, raw: "no" };
const retry = {
  maxAttempts,
  factor: 1,
  minTimeoutInMs: retryPauseMs,
  maxTimeoutInMs: 60_000,
  randomize: false,
};
const lostError = { type: "INTERNAL_ERROR" as const, code: "TASK_RUN_LEASE_LOST" as const };

/** Plays a history on the real statements and on the model, and compares them after each step. */
export const playHistory = async (t: TestDatabase, steps: readonly Step[]): Promise<void> => {
  const task = { id: "a", queue: { name: "q", concurrencyLimit: laneMax }, retry };
  const { environmentId, agentIds } = await seed(t, { tasks: [task], agents: 3, runningMax: envMax });
  const model = new Model(agentIds, envMax, laneMax);
  const startMs = Date.parse(String((await t.query("select app_now()::text as now"))[0]?.now));
  const order: string[] = [];
  const pick = <T>(list: readonly T[], n: number): T | undefined => list[n % Math.max(1, list.length)];
  const isoAt = (ms: number) => new Date(startMs + ms).toISOString();
  const agentOf = (run: ModelRun, n: number) => run.agent ?? pick(agentIds, n) ?? "";

  const trigger = async ({ a, b, c }: Step) => {
    const parent =
      c % 3 === 0
        ? pick(
            model.all(({ state, isCanceling }) => state === "executing" && !isCanceling),
            b,
          )
        : undefined;
    const key = c % 5 === 1 ? `k${a % 2}` : null;
    const over = {
      ...{ lane: a % 2 === 0 ? "" : "x", key, ttlMs: b % 4 === 1 ? 5_000 : null, parent: parent?.id ?? null },
      delayMs: b % 4 === 2 ? 3_000 : 0,
    };
    const item = triggerItem(environmentId, "a", {
      ...{ concurrencyKey: over.lane, ttlMs: over.ttlMs, priority: a % 3, idempotencyKey: key },
      ...{ idempotencyExpiresAt: key === null ? null : "2999-01-01T00:00:00.000Z" },
      delayUntil: over.delayMs === 0 ? null : isoAt(model.nowMs + over.delayMs),
      ...{ parentRunId: over.parent, resumeParent: over.parent !== null },
    });
    const known = key === null ? undefined : model.keys.get(key);
    const outcome = await triggerLinked(t.db, item);
    if (known !== undefined && parent !== undefined && model.waitsFor(known, parent.id)) {
      expect(outcome.kind).toBe("deadlock");
      return;
    }
    expect(outcome).toMatchObject({
      kind: known === undefined ? "created" : "cached",
      runId: known ?? item.id,
    });
    model.trigger(item.id, over);
    if (known === undefined) order.push(item.id);
  };

  const claim = async ({ a, b, c }: Step) => {
    const agent = pick(agentIds, a) ?? "";
    const free = b % 10 === 9 ? 0 : 1 + (b % 4);
    const mine = model.all((run) => run.hasLease && run.agent === agent);
    const held = c % 2 === 0 ? [] : mine.map(({ id, epoch }) => ({ runId: id, epoch }));
    const isHeld = (id: string) => held.some(({ runId }) => runId === id);
    const repeated = model.unacknowledged(agent).filter(({ id }) => !isHeld(id));
    const count = model.claimable(agent, free);
    const answer = await claimRuns(t.db, claimRequest(agent, free, { held }));
    if (answer.kind !== "claimed") throw new Error(answer.kind);
    const isRepeat = (id: string) => repeated.some((run) => run.id === id);
    const taken = answer.leases.map(({ runId }) => runId).filter((id) => !isRepeat(id));
    expect(
      answer.leases
        .map(({ runId }) => runId)
        .filter(isRepeat)
        .sort(),
    ).toEqual(repeated.map(({ id }) => id).sort());
    expect(taken.length, "a claim takes all it can").toBe(count);
    for (const id of taken) {
      const run = model.get(id);
      expect(run.state).toBe("queued");
      expect(run.isParked ? run.agent : agent, "a continuation goes home").toBe(agent);
    }
    const cancels = answer.orders.filter(({ kind }) => kind === "cancel").map(({ runId }) => runId);
    expect(cancels.sort()).toEqual(
      mine
        .filter((run) => run.isCanceling && isHeld(run.id))
        .map(({ id }) => id)
        .sort(),
    );
    for (const id of held) model.get(id.runId).isAcked = true;
    model.claim(agent, taken);
  };

  const start = async (run: ModelRun, epoch: number, n: number) => {
    const agent = agentOf(run, n);
    const [answer] = await startRuns(t.db, agent, [{ runId: run.id, epoch }]);
    expect(answer?.kind).toBe(model.start(run.id, agent, epoch));
  };
  const end = async (
    run: ModelRun,
    epoch: number,
    n: number,
    outcome: "completed" | "failed" | "canceled",
  ) => {
    const agent = agentOf(run, n);
    const mayRetry = n % 3 !== 0;
    const { results } = await endAttempts(t.db, agent, [
      {
        ...{ runId: run.id, epoch, outcome, output: "1", outputType: "application/json", executedMs: 1 },
        ...{ error: outcome === "failed" ? error : null, finalState: "failed" },
        retry: mayRetry ? { spread: 1, delayMs: null } : null,
      },
    ]);
    expect(results[0]?.kind).toBe(model.end(run.id, agent, epoch, outcome, mayRetry));
  };
  const wait = async (run: ModelRun, epoch: number, n: number) => {
    const agent = agentOf(run, n);
    const children = [...new Set(run.children)].slice(n % 2, 2);
    const child = pick(children, n);
    const waits =
      n % 4 === 0 || child === undefined
        ? [{ dueMs: model.nowMs + (n % 2) * 4_000 }]
        : children.map((id) => ({ child: id }));
    const specs = waits.map((one) =>
      "child" in one
        ? { kind: "run" as const, runId: one.child }
        : { kind: "time" as const, id: newId("waitPoint"), at: isoAt(one.dueMs) },
    );
    const { results } = await waitRuns(t.db, agent, [{ runId: run.id, epoch, waits: specs }]);
    expect(results[0]?.kind).toBe(model.wait(run.id, agent, epoch, waits));
  };
  const release = async (run: ModelRun, epoch: number, n: number) => {
    const agent = agentOf(run, n);
    const isRetryable = n % 4 !== 0;
    const { results } = await releaseRuns(t.db, agent, [
      { runId: run.id, epoch, reason: "no", retryable: isRetryable },
    ]);
    expect(results[0]?.kind).toBe(model.release(run.id, agent, epoch, isRetryable));
  };
  const cancel = async (run: ModelRun) => {
    const answer = await cancelOne(t.db, environmentId, run.id);
    expect(answer.kind).toBe(model.cancel(run.id));
  };
  const due = async () => {
    await promoteDueRuns(t.db);
    model.promote();
    await completeDueWaits(t.db);
    model.completeDueWaits();
    await expireRuns(t.db);
    model.expire();
  };
  const silence = async () => {
    await t.advance(silentMs - 10_000);
    model.nowMs += silentMs - 10_000;
    const { leases, silentSince } = await findLostLeases(t.db, { silentMs, startMs: 1e9 });
    const lost = leases
      .filter(({ phase }) => phase === "executing")
      .map(({ runId, epoch }) => ({
        ...{ runId, epoch, outcome: "lost" as const, output: null, outputType: null, error: lostError },
        ...{ finalState: "system_failure" as const, retry: { spread: 1, delayMs: 0 }, executedMs: 0 },
      }));
    await loseAttemptsOfSilentAgents(t.db, lost, silentSince);
    const unstarted = leases.filter(({ phase }) => phase === "leased");
    await releaseRuns(
      t.db,
      null,
      unstarted.map(({ runId, epoch }) => ({ runId, epoch, reason: "silent", retryable: true })),
    );
    await loseParkedRunsOfSilentAgents(t.db, silentSince, lostError);
    model.loseSilent();
  };

  const agentMoves = [start, (r: ModelRun, e: number, n: number) => end(r, e, n, "completed"), wait, release];
  const play = async (step: Step): Promise<unknown> => {
    const { op, a, b, c } = step;
    const inState = (...states: string[]) =>
      pick(
        model.all(({ state }) => states.includes(state)),
        a,
      );
    const any = pick([...model.runs.values()], a);
    if (op === "trigger" || op === "child") return trigger(step);
    if (op === "claim") return claim(step);
    if (op === "due") return due();
    if (op === "silence") return silence();
    if (op === "advance") {
      model.nowMs += (1 + (a % 6)) * 1_000;
      return t.advance((1 + (a % 6)) * 1_000);
    }
    const target = op === "start" || op === "release" ? inState("leased") : inState("executing");
    if (op === "cancel") return any && cancel(any);
    if (op === "repeat") return any && agentMoves[b % agentMoves.length]?.(any, any.epoch, c);
    if (op === "stale")
      return any && agentMoves[b % agentMoves.length]?.(any, any.epoch - 1 + 2 * (c % 2), c);
    if (target === undefined) return undefined;
    if (op === "start") return start(target, target.epoch, b);
    if (op === "release") return release(target, target.epoch, b);
    if (op === "wait") {
      const parents = model.all(({ state, children }) => state === "executing" && children.length > 0);
      const waiter = (c % 4 === 0 ? undefined : pick(parents, a)) ?? target;
      return wait(waiter, waiter.epoch, b);
    }
    return end(
      target,
      target.epoch,
      b,
      op === "complete" ? "completed" : target.isCanceling ? "canceled" : "failed",
    );
  };

  for (const step of steps) {
    await play(step);
    const rows = await t.query(
      "select id, state, lease_epoch as epoch, attempt from runs where environment_id = $1 order by id",
      [environmentId],
    );
    const wanted = [...model.runs.values()].map(({ id, state, epoch, attempt }) => ({
      id,
      state,
      epoch,
      attempt,
    }));
    expect(rows).toEqual(wanted.sort((x, y) => (x.id < y.id ? -1 : 1)));
    expect(await brokenInvariants(t, environmentId)).toEqual([]);
  }
  expect(await strayEvents(t, environmentId)).toEqual([]);
};
