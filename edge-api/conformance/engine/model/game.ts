import { expireLimitOverrides } from "@longshore/edge-api/db/transitions/expire-limit-overrides";
import type { BundleManifest } from "@longshore/shared/contract/manifest";
import { seed, type TestDatabase } from "../fixture.ts";
import { Model } from "./model.ts";
import type { ModelRun } from "./model-run.ts";
import { agentCount, envMax, worldLimits, worldTasks } from "./places.ts";

/** One step of a history: its numbers choose among what there is at that moment. */
export type Step = { op: string; a: number; b: number; c: number };

/** A database with one connection, in it the place where histories begin, and a transaction that is open for the next. */
export type World = {
  t: TestDatabase;
  environmentId: string;
  agentIds: string[];
  deploymentId: string;
  manifest: BundleManifest;
  bundleHash: string;
  beganAtMs: number;
};

/** A history while it is played: the engine on one side, its model on the other. */
export type Game = World & { model: Model };

const advanceStatement = `
update app_clock set shift = shift + $1::float8 * interval '1 millisecond' returning to_json($1::float8)::text`;

export const makeWorld = async (t: TestDatabase): Promise<World> => {
  const seeded = await seed(t, {
    tasks: worldTasks,
    limits: worldLimits,
    agents: agentCount,
    runningMax: envMax,
  });
  // The statements under test take milliseconds when they find their rows by an index, as they do later.
  await t.query("analyze");
  const [row] = await t.query("select 1000 * extract(epoch from app_now()) as now");
  // Prepared, as everything else that a history does.
  const advance = async (ms: number) => void (await t.db.call(advanceStatement, [ms]));
  // The first history's; each leaves the next one a transaction of its own.
  await t.query("begin");
  return { t: { ...t, advance }, ...seeded, beganAtMs: Number(row?.now) };
};

export const newGame = (world: World, isDeployed: boolean): Game => ({
  ...world,
  model: new Model(world.agentIds, isDeployed),
});

export const pick = <T>(list: readonly T[], n: number): T | undefined => list[n % Math.max(1, list.length)];

export const isoAt = (game: Game, ms: number): string => new Date(game.beganAtMs + ms).toISOString();

/** The agent that holds a run; sometimes any. */
export const agentOf = (game: Game, run: ModelRun, n: number): string =>
  (n % 10 === 7 ? null : run.agent) ?? pick(game.agentIds, n) ?? "";

export const runIn = (game: Game, n: number, ...states: string[]): ModelRun | undefined =>
  pick(
    game.model.all(({ state }) => states.length === 0 || states.includes(state)),
    n,
  );

/** Time passes, and with it the bounds that keys had for a while. */
export const advance = async (game: Game, ms: number) => {
  const { model, t } = game;
  await t.advance(ms);
  model.nowMs += ms;
  const ended = [...model.room.keyBounds].filter(([, { untilMs }]) => untilMs <= model.nowMs);
  if (ended.length === 0) return;
  await expireLimitOverrides(t.db);
  for (const [name] of ended) model.room.keyBounds.delete(name);
};
