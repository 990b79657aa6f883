import { expect } from "vitest";
import { brokenInvariants, strayEvents } from "../invariants.ts";
import { type Game, newGame, type Step, type World } from "./game.ts";
import { agentMoves } from "./play-agents.ts";
import { platformMoves } from "./play-platform.ts";
import { triggerMoves } from "./play-triggers.ts";

const moves: Record<string, (game: Game, step: Step) => unknown> = {
  ...triggerMoves,
  ...agentMoves,
  ...platformMoves,
};

/** How often each move comes, of all. */
const weights: Record<string, number> = {
  ...{
    many: 5,
    trigger: 12,
    child: 14,
    debounce: 4,
    reschedule: 2,
    resetKey: 1,
    deploy: 3,
    batch: 5,
    items: 6,
  },
  ...{ work: 18, claim: 8, endMany: 3, start: 4, release: 3, end: 8, wait: 12, repeat: 3, stale: 3 },
  ...{
    cancel: 4,
    token: 3,
    complete: 4,
    due: 3,
    pass: 6,
    abort: 2,
    silence: 2,
    queue: 3,
    limit: 3,
    limitKey: 2,
  },
  ...{ environment: 2, sweep: 3 },
};

export const ops: readonly string[] = Object.keys(moves).flatMap((op) => Array(weights[op] ?? 1).fill(op));

/** What the table of runs says, and which invariants do not hold. */
const look = async ({ t, environmentId, model, beganAtMs }: Game) => {
  const rows = await t.query(
    `select id, state, lease_epoch as epoch, attempt, machine, waits_open as open,
       1000 * extract(epoch from due_at)::float8 - $2::float8 as due,
       1000 * extract(epoch from expires_at)::float8 - $2::float8 as expires
     from runs where environment_id = $1 order by id`,
    [environmentId, beganAtMs],
  );
  const wanted = [...model.runs.values()].map(
    ({ id, state, epoch, attempt, machine, open, dueMs, expiresMs }) => ({
      ...{ id, state, epoch, attempt, machine, open: open.length, due: dueMs, expires: expiresMs },
    }),
  );
  const byId = (x: { id: string }, y: { id: string }) => (x.id < y.id ? -1 : 1);
  expect((rows as { id: string }[]).map(rounded).sort(byId)).toEqual(wanted.sort(byId));
  const batches = await t.query(
    "select id, status, open_count from batches where environment_id = $1 order by id",
    [environmentId],
  );
  const known = [...model.batches.values()].map((batch) => ({
    ...{ id: batch.id, status: batch.status, open_count: model.openCount(batch) },
  }));
  if (known.length > 0) expect(batches).toEqual(known.sort(byId));
  // A limit may be lowered under what runs; no claim passes it, which the model looks at.
  const broken = await brokenInvariants(t, environmentId);
  expect(broken.filter((name) => name !== "no limit is exceeded")).toEqual([]);
};

const rounded = (row: { id: string }): { id: string } =>
  Object.fromEntries(
    Object.entries(row).map(([name, value]) => [name, typeof value === "number" ? Math.round(value) : value]),
  ) as { id: string };

/** After this many steps, and at the end, everything is compared; each answer is compared at once. */
const lookEvery = 6;

/**
 * Plays a history on the real statements and on the model. It is played in a transaction that is rolled back: each
 * history finds the same place, and none of the statements that look everywhere sees another's.
 */
export const playHistory = async (
  world: World,
  steps: readonly Step[],
  isDeployed: boolean,
): Promise<void> => {
  const game = newGame(world, isDeployed);
  await game.t.query("begin");
  try {
    if (!isDeployed) await game.t.query("update environments set current_deployment_id = null");
    for (const [nth, step] of steps.entries()) {
      await moves[step.op]?.(game, step);
      if (nth % lookEvery === lookEvery - 1) await look(game);
    }
    await look(game);
    expect(await strayEvents(game.t, game.environmentId)).toEqual([]);
  } finally {
    await game.t.query("rollback");
  }
};
