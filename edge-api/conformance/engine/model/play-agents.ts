import { claimRuns } from "@longshore/edge-api/db/transitions/claim-runs";
import { endAttempts } from "@longshore/edge-api/db/transitions/end-attempts";
import { releaseRuns } from "@longshore/edge-api/db/transitions/release-runs";
import { startRuns } from "@longshore/edge-api/db/transitions/start-runs";
import { waitRuns } from "@longshore/edge-api/db/transitions/wait-runs";
import { newId } from "@longshore/shared/core/ids";
import { expect } from "vitest";
import { claimRequest } from "../fixture.ts";
import { agentOf, type Game, isoAt, pick, runIn, type Step } from "./game.ts";
import type { AttemptOutcome } from "./model.ts";
import type { ModelRun, Wait } from "./model-run.ts";

const error = { type: "STRING_ERROR" as const, raw: "no" };

/** A claim can find lanes without room and answer less than there is; whoever has room left asks again. */
const roundsMax = 12;

type Held = { runId: string; epoch: number }[];

const claimOnce = async (game: Game, agent: string, free: number, held: Held) => {
  const { model, t } = game;
  const isHeld = (id: string) => held.some(({ runId }) => runId === id);
  const mine = model.all((run) => run.hasLease && run.agent === agent);
  const repeated = model.unacknowledged(agent).filter(({ id }) => !isHeld(id));
  const answer = await claimRuns(
    t.db,
    claimRequest(agent, free, { held, labels: { ...model.labels.get(agent) } }),
  );
  if (answer.kind !== "claimed") throw new Error(answer.kind);
  const answered = answer.leases.map(({ runId }) => runId);
  const isRepeat = (id: string) => repeated.some((run) => run.id === id);
  expect(answered.filter(isRepeat).sort(), "what is not acknowledged is said again").toEqual(
    repeated.map(({ id }) => id).sort(),
  );
  const cancels = answer.orders.filter(({ kind }) => kind === "cancel").map(({ runId }) => runId);
  const asked = mine.filter((run) => run.isCanceling && isHeld(run.id)).map(({ id }) => id);
  expect(cancels.sort()).toEqual(asked.sort());
  const taken = answered.filter((id) => !isRepeat(id));
  expect(taken.length, "no more than the agent has room for").toBeLessThanOrEqual(free);
  for (const { runId } of held) model.get(runId).isAcked = true;
  expect(model.claim(agent, taken), "a claim takes what it may").toEqual([]);
  return { taken, asideChanged: answer.asideChanged };
};

const heldBy = (game: Game, agent: string): Held =>
  game.model.all((run) => run.hasLease && run.agent === agent).map(({ id, epoch }) => ({ runId: id, epoch }));

const claim = async (game: Game, { a, b, c }: Step) => {
  const agent = pick(game.agentIds, a) ?? "";
  let free = b % 10 === 9 ? 0 : 1 + (b % 4);
  let held = c % 2 === 0 ? [] : heldBy(game, agent);
  for (let round = 0; round < roundsMax; round++) {
    const { taken, asideChanged } = await claimOnce(game, agent, free, held);
    free -= taken.length;
    if (free === 0) return agent;
    if (taken.length === 0 && !asideChanged) break;
    held = heldBy(game, agent);
  }
  const left = game.model.claimable(agent).map((run) => `${run.id} ${game.model.room.countersOf(run)}`);
  expect(left, "a claim leaves no slot empty that it could fill").toEqual([]);
  return agent;
};

const startAll = async (game: Game, runs: readonly ModelRun[], agent: string) => {
  const facts = runs.map(({ id, epoch }) => ({ runId: id, epoch }));
  const answers = await startRuns(game.t.db, agent, facts);
  for (const [nth, { runId, epoch }] of facts.entries())
    expect(answers[nth]?.kind, "start").toBe(game.model.start(runId, agent, epoch));
};

/** Claims and begins: what most of an agent's life is. */
const work = async (game: Game, step: Step) => {
  const agent = await claim(game, step);
  const leased = game.model.all((run) => run.state === "leased" && run.agent === agent);
  if (leased.length > 0) await startAll(game, leased, agent);
};

const start = async (game: Game, run: ModelRun, epoch: number, n: number) => {
  const agent = agentOf(game, run, n);
  const [answer] = await startRuns(game.t.db, agent, [{ runId: run.id, epoch }]);
  expect(answer?.kind, "start").toBe(game.model.start(run.id, agent, epoch));
};

const howOf = (run: ModelRun, n: number): AttemptOutcome => {
  const outcome = n % 2 === 0 ? "completed" : run.isCanceling && n % 3 !== 0 ? "canceled" : "failed";
  const finalState = (["failed", "crashed", "timed_out", "system_failure"] as const)[n % 4] ?? "failed";
  return { outcome, finalState, mayRetry: n % 3 !== 0, isOutOfMemory: outcome === "failed" && n % 5 === 0 };
};

const endAll = async (
  game: Game,
  agent: string,
  ends: readonly { run: ModelRun; epoch: number; how: AttemptOutcome; begins?: boolean }[],
) => {
  const facts = ends.map(({ run, epoch, how, begins = false }) => ({
    begins,
    ...{
      runId: run.id,
      epoch,
      outcome: how.outcome,
      output: "1",
      outputType: "application/json",
      executedMs: 1,
    },
    ...{ error: how.outcome === "failed" ? error : null, finalState: how.finalState },
    ...{
      retry: how.mayRetry ? { spread: 1, delayMs: null } : null,
      isOutOfMemory: how.isOutOfMemory ?? false,
    },
  }));
  const { results } = await endAttempts(game.t.db, agent, facts);
  for (const [nth, { run, epoch, how, begins }] of ends.entries()) {
    if (begins) game.model.start(run.id, agent, epoch);
    expect(results[nth]?.kind, how.outcome).toBe(game.model.end(run.id, agent, epoch, how));
  }
};

const end = (game: Game, run: ModelRun, epoch: number, n: number) =>
  endAll(game, agentOf(game, run, n), [{ run, epoch, how: howOf(run, n) }]);

/** An end that was on its way when the continuation was. */
const endBefore = (game: Game, run: ModelRun, epoch: number, n: number) => end(game, run, epoch - 1, n);

/** A report that tells of a start and of the end at once. */
const beginAndEnd = (game: Game, run: ModelRun, epoch: number, n: number) =>
  endAll(game, agentOf(game, run, n), [{ run, epoch, how: howOf(run, n), begins: true }]);

/** Everything an agent executes or keeps ends in one report, of some the start as well. */
const endMany = async (game: Game, { a, b }: Step) => {
  const some = runIn(game, a, "executing");
  if (some === undefined) return;
  const agent = some.agent ?? "";
  const held = game.model.all(
    (run) => (run.state === "executing" || run.state === "leased" || run.isParked) && run.agent === agent,
  );
  await endAll(
    game,
    agent,
    held.map((run, nth) => ({
      run,
      epoch: run.epoch,
      how: howOf(run, b + nth),
      begins: run.state === "leased",
    })),
  );
};

const waitsFor = (game: Game, run: ModelRun, n: number): Wait[] => {
  const { model } = game;
  const children = [...new Set(run.children)].slice(n % 2, 2).map((child) => ({ child }));
  const batches = [...new Set(run.batches)].slice(0, 1 + (n % 2)).map((batch) => ({ batch }));
  const token = pick([...model.tokens.keys()], n);
  const waits: Wait[] = [
    ...(n % 5 === 4 ? [] : children),
    ...(n % 3 === 1 ? [] : batches),
    ...(token === undefined || n % 4 === 0 ? [] : [{ token }]),
  ];
  // A child of another attempt, or no child at all, is nothing it may wait for.
  const stranger = n % 6 === 5 ? (model.all(({ parent }) => parent === run.id)[0] ?? run) : undefined;
  if (stranger !== undefined && !run.children.includes(stranger.id)) waits.push({ child: stranger.id });
  if (waits.length === 0 || n % 6 === 0) waits.push({ dueMs: model.nowMs + (n % 2) * 4_000 });
  return waits;
};

const specOf = (game: Game, wait: Wait) => {
  if ("child" in wait) return { kind: "run" as const, runId: wait.child };
  if ("batch" in wait) return { kind: "batch" as const, batchId: wait.batch };
  if ("token" in wait) return { kind: "token" as const, id: wait.token };
  return { kind: "time" as const, id: newId("waitPoint"), at: isoAt(game, wait.dueMs) };
};

const wait = async (game: Game, run: ModelRun, epoch: number, n: number) => {
  const agent = agentOf(game, run, n);
  const waits = waitsFor(game, run, n);
  const { results } = await waitRuns(game.t.db, agent, [
    { runId: run.id, epoch, waits: waits.map((one) => specOf(game, one)) },
  ]);
  expect(results[0]?.kind, "wait").toBe(game.model.wait(run.id, agent, epoch, waits));
};

const release = async (game: Game, run: ModelRun, epoch: number, n: number) => {
  const agent = agentOf(game, run, n);
  const isRetryable = n % 4 !== 0;
  const { results } = await releaseRuns(game.t.db, agent, [
    { runId: run.id, epoch, reason: "no", retryable: isRetryable },
  ]);
  expect(results[0]?.kind, "release").toBe(game.model.release(run.id, agent, epoch, isRetryable));
};

const fenced = [start, end, beginAndEnd, wait, release];

/** A write that was sent before, or by someone who lost the lease. */
const outOfTurn = (game: Game, { a, b, c }: Step, isStale: boolean) => {
  const run = runIn(game, a);
  if (run === undefined) return undefined;
  return fenced[b % fenced.length]?.(game, run, run.epoch + (isStale ? 2 * (c % 2) - 1 : 0), c);
};

const on =
  (state: string, move: typeof start, isWanted: (run: ModelRun) => boolean = () => true) =>
  (game: Game, { a, b, c }: Step) => {
    const wanted = pick(
      game.model.all((run) => run.state === state && isWanted(run)),
      a,
    );
    const run = (c % 4 === 0 ? undefined : wanted) ?? runIn(game, a, state);
    return run && move(game, run, run.epoch, b);
  };

/** What agents do. */
export const agentMoves = {
  claim,
  work,
  endMany,
  start: on("leased", start),
  release: on("leased", release),
  end: on("executing", end),
  endParked: on("waiting", end),
  endWoken: on("queued", end, ({ isParked }) => isParked),
  endCrossed: on("executing", endBefore, ({ isContinuation }) => isContinuation),
  beginAndEnd: on("leased", beginAndEnd),
  wait: on("executing", wait, (run) => run.children.length + run.batches.length > 0),
  repeat: (game: Game, step: Step) => outOfTurn(game, step, false),
  stale: (game: Game, step: Step) => outOfTurn(game, step, true),
};
