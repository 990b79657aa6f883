import { abortUnsealedBatches } from "@longshore/edge-api/db/transitions/abort-batches";
import { changeEnvironment } from "@longshore/edge-api/db/transitions/change-environment";
import { changeLimit } from "@longshore/edge-api/db/transitions/change-limit";
import { overrideLimitKey, resetLimitKey } from "@longshore/edge-api/db/transitions/change-limit-key";
import { changeQueue } from "@longshore/edge-api/db/transitions/change-queue";
import { completeDueWaits } from "@longshore/edge-api/db/transitions/complete-due-waits";
import { completeTokens } from "@longshore/edge-api/db/transitions/complete-tokens";
import { createWaitPoint } from "@longshore/edge-api/db/transitions/create-wait-point";
import { loseAttemptsOfSilentAgents } from "@longshore/edge-api/db/transitions/end-attempts";
import { expireRuns } from "@longshore/edge-api/db/transitions/expire-runs";
import { findLostLeases } from "@longshore/edge-api/db/transitions/find-lost-leases";
import { fitLanes } from "@longshore/edge-api/db/transitions/fit-lanes";
import { loseParkedRunsOfSilentAgents } from "@longshore/edge-api/db/transitions/lose-parked-runs";
import { promoteDueRuns } from "@longshore/edge-api/db/transitions/promote-due-runs";
import { releaseRuns } from "@longshore/edge-api/db/transitions/release-runs";
import { settleBatches } from "@longshore/edge-api/db/transitions/settle-batches";
import { settleLanes } from "@longshore/edge-api/db/transitions/settle-lanes";
import { wakeSettledRuns } from "@longshore/edge-api/db/transitions/wake-settled-runs";
import { newId } from "@longshore/shared/core/ids";
import { expect } from "vitest";
import { advance, type Game, isoAt, pick, runIn, type Step } from "./game.ts";
import { silentMs, startMs } from "./places.ts";
import { cancelMany } from "./play-triggers.ts";

const lostError = { type: "INTERNAL_ERROR" as const, code: "TASK_RUN_LEASE_LOST" as const };

const cancel = async (game: Game, { a, b, c }: Step) => {
  const ids = [runIn(game, a)?.id, ...(c % 3 === 0 ? [runIn(game, b)?.id] : [])];
  const known = [...new Set(ids.filter((id) => id !== undefined))];
  await cancelMany(game, c % 20 === 7 ? [...known, newId("run")] : known);
};

const token = async (game: Game, { b }: Step) => {
  const { model, t, environmentId } = game;
  const id = newId("waitPoint");
  const dueMs = b % 3 === 0 ? model.nowMs + 6_000 : null;
  const dueAt = dueMs === null ? null : isoAt(game, dueMs);
  const answer = await createWaitPoint(t.db, {
    ...{ id, environmentId, kind: "token", dueAt, tags: [], runId: null },
    ...{ idempotencyKey: null, storedKey: null, keyExpiresAt: null },
  });
  expect(answer).toMatchObject({ kind: "created", id });
  model.tokens.set(id, { isDone: false, dueMs });
};

const complete = async (game: Game, { a, b, c }: Step) => {
  const { model, t, environmentId } = game;
  const waited = model.all(({ state }) => state === "waiting").flatMap(({ open }) => open);
  const wanted = waited.flatMap((one) => ("token" in one ? [one.token] : []));
  const tokens = [...model.tokens.keys()];
  const first = pick(wanted.length > 0 && c % 4 !== 0 ? wanted : tokens, a);
  if (first === undefined) return token(game, { op: "token", a, b, c });
  const second = pick(tokens, b);
  const ids = [...new Set([first, ...(c % 3 === 0 && second !== undefined ? [second] : [])])];
  if (c % 10 === 5) ids.push(newId("waitPoint"));
  const { results } = await completeTokens(
    t.db,
    ids.map((id) => ({ id, environmentId, output: "1", outputType: "application/json" })),
  );
  expect(results).toEqual(ids.map((id) => model.completeToken(id)));
};

const due = async ({ model, t }: Game) => {
  await promoteDueRuns(t.db);
  model.promote();
  await completeDueWaits(t.db);
  model.completeDueWaits();
  await expireRuns(t.db);
  model.expire();
};

const pass = async (game: Game, { a, b }: Step) => {
  await advance(game, (1 + (a % 6)) * 1_000);
  if (b % 3 > 0) await due(game);
};

const abort = async (game: Game, step: Step) => {
  if (step.b % 2 === 0) await advance(game, 10_000);
  await abortUnsealedBatches(game.t.db);
  game.model.abortBatches();
};

const silence = async (game: Game) => {
  const { model, t } = game;
  await advance(game, silentMs - 10_000);
  const { leases, silentSince } = await findLostLeases(t.db, { silentMs, startMs });
  const lost = leases
    .filter(({ phase }) => phase === "executing")
    .map(({ runId, epoch }) => ({
      ...{ runId, epoch, outcome: "lost" as const, output: null, outputType: null, error: lostError },
      ...{ finalState: "system_failure" as const, retry: { spread: 1, delayMs: 0 }, executedMs: 0 },
    }));
  await loseAttemptsOfSilentAgents(t.db, lost, silentSince);
  const unstarted = leases.filter(({ phase }) => phase === "leased");
  const releases = unstarted.map(({ runId, epoch }) => ({ runId, epoch, reason: "silent", retryable: true }));
  await releaseRuns(t.db, null, releases);
  await loseParkedRunsOfSilentAgents(t.db, silentSince, lostError);
  model.loseLeases();
};

const queue = async ({ model, t, environmentId }: Game, { a, b }: Step) => {
  const [name, state] = pick([...model.room.queues], a) ?? [];
  if (name === undefined || state === undefined) return;
  const override = b % 3 === 0 ? null : 1 + (b % 4);
  const change = b % 2 === 0 ? { paused: !state.paused } : { override };
  expect(await changeQueue(t.db, { environmentId, by: "custom", value: name }, change)).not.toBeNull();
  Object.assign(state, change);
};

const limit = async ({ model, t, environmentId }: Game, { a, b }: Step) => {
  const [name, state] = pick([...model.room.limits], a) ?? [];
  if (name === undefined || state === undefined) return;
  const bound = b % 3 === 0 ? null : 1 + (b % 3);
  if (b % 3 === 0) {
    await changeLimit(t.db, { environmentId, name }, { paused: !state.paused });
    state.paused = !state.paused;
  } else if (b % 2 === 0) {
    await changeLimit(t.db, { environmentId, name }, { total: bound });
    state.totalOverride = bound;
  } else {
    await changeLimit(t.db, { environmentId, name }, { perKey: bound });
    state.perKeyOverride = bound;
  }
};

const limitKey = async ({ model, t, environmentId }: Game, { a, b, c }: Step) => {
  const name = pick([...model.room.limits.keys()], a) ?? "";
  const concurrencyKey = b % 2 === 0 ? "x" : "y";
  if (c % 3 === 0) {
    await resetLimitKey(t.db, { environmentId, name, concurrencyKey });
    model.room.keyBounds.delete(`${name}/${concurrencyKey}`);
    return;
  }
  const override = { slotId: newId("limitSlot"), max: 1 + (c % 3), ttlMs: 9_000 };
  await overrideLimitKey(t.db, { environmentId, name, concurrencyKey }, override);
  model.room.keyBounds.set(`${name}/${concurrencyKey}`, { max: override.max, untilMs: model.nowMs + 9_000 });
};

const environment = async ({ model, t, environmentId }: Game, { a, b }: Step) => {
  const { env } = model.room;
  const change =
    a % 3 === 0
      ? { limit: 2 + (b % 4) }
      : a % 3 === 1
        ? { burstFactor: 1 + (b % 2) }
        : { paused: !env.paused };
  await changeEnvironment(t.db, environmentId, change);
  if ("limit" in change) env.limit = change.limit ?? env.limit;
  if ("burstFactor" in change) env.burst = change.burstFactor ?? env.burst;
  if ("paused" in change) env.paused = change.paused ?? env.paused;
};

/** The safety nets find nothing: what they are for are races, and here is none. */
const sweep = async ({ t }: Game, { a }: Step) => {
  expect(await wakeSettledRuns(t.db), "no one is stuck").toMatchObject({ count: 0 });
  expect(await settleBatches(t.db, null), "no item is left uncounted").toMatchObject({ count: 0 });
  expect(await fitLanes(t.db), "every lane follows its queue").toEqual({ environmentIds: [] });
  // Lanes that stand aside may be called before their turn; whether one is forgotten shows at the next claim.
  if (a % 4 === 0) await settleLanes(t.db, null);
};

/** What operators, callers and time do. */
export const platformMoves = {
  cancel,
  token,
  complete,
  due,
  pass,
  abort,
  silence,
  queue,
  limit,
  limitKey,
  environment,
  sweep,
};
