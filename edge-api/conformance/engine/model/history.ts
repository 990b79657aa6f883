import { expect } from "vitest";
import { z } from "zod";
import { brokenIn, eventsStatement, invariantsStatement, strayIn } from "../invariants.ts";
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
    outlive: 4,
    reschedule: 2,
    resetKey: 1,
    deploy: 3,
    batch: 5,
    items: 6,
  },
  ...{ work: 18, claim: 8, endMany: 3, start: 4, release: 3, end: 8, wait: 12, repeat: 3, stale: 3 },
  ...{ endParked: 3, endWoken: 2, endCrossed: 2 },
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

/** The first is what a step shrinks to. */
export const ops: readonly string[] = [
  "nothing",
  ...Object.keys(moves).flatMap((op) => Array<string>(weights[op] ?? 1).fill(op)),
];

/** In one statement: a round trip costs as much as what it asks for. */
const lookStatement = `
select json_build_object(
  'runs', (
    select coalesce(json_agg(json_build_object('id', id, 'state', state, 'epoch', lease_epoch, 'attempt', attempt,
      'machine', machine, 'open', waits_open, 'due', round(1000 * extract(epoch from due_at))::int8 - $2::int8,
      'expires', round(1000 * extract(epoch from expires_at))::int8 - $2::int8)), '[]')
    from runs where environment_id = $1),
  'batches', (
    select coalesce(json_agg(json_build_object('id', id, 'status', status, 'open', open_count)), '[]')
    from batches where environment_id = $1),
  'held', (${invariantsStatement})::json,
  'events', (${eventsStatement})::json)::text`;

const Seen = z.object({
  runs: z.array(z.looseObject({ id: z.string() })),
  batches: z.array(z.looseObject({ id: z.string() })),
  held: z.unknown(),
  events: z.unknown(),
});

const byId = (x: { id: string }, y: { id: string }) => (x.id < y.id ? -1 : 1);

/** What the tables say of runs and batches, which invariants do not hold, and which events should not be. */
const look = async ({ t, environmentId, model, beganAtMs }: Game) => {
  const seen = Seen.parse(await t.db.call(lookStatement, [environmentId, beganAtMs]));
  const runs = [...model.runs.values()].map(
    ({ id, state, epoch, attempt, machine, open, dueMs, expiresMs }) => ({
      ...{ id, state, epoch, attempt, machine, open: open.length, due: dueMs, expires: expiresMs },
    }),
  );
  expect(seen.runs.sort(byId)).toEqual(runs.sort(byId));
  const batches = [...model.batches.values()].map((batch) => ({
    ...{ id: batch.id, status: batch.status, open: model.openCount(batch) },
  }));
  expect(seen.batches.sort(byId)).toEqual(batches.sort(byId));
  // A limit may be lowered under what runs; no claim passes it, which the model looks at.
  expect(brokenIn(seen.held).filter((name) => name !== "no limit is exceeded")).toEqual([]);
  expect(strayIn(seen.events)).toEqual([]);
};

/** After this many steps, and at the end, everything is compared; each answer is compared at once. */
const lookEvery = 12;

/**
 * Plays a history on the real statements and on the model. It is played in the transaction that its world has open, and
 * rolled back: each history finds the same place, and none of the statements that look everywhere sees another's.
 */
export const playHistory = async (
  world: World,
  steps: readonly Step[],
  isDeployed: boolean,
): Promise<void> => {
  const game = newGame(world, isDeployed);
  try {
    if (!isDeployed) await game.t.query("update environments set current_deployment_id = null");
    for (const [nth, step] of steps.entries()) {
      await moves[step.op]?.(game, step);
      if (nth % lookEvery === lookEvery - 1) await look(game);
    }
    await look(game);
  } finally {
    await game.t.query("rollback and chain");
  }
};
