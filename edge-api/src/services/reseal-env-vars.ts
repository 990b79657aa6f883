import { findVarsOfKeys, resealEnvVars as resealRows } from "../db/transitions/env-vars.ts";
import type { Deps } from "./deps.ts";
import { keyIds, seal, unseal } from "./seal.ts";

/** Variables of one step. */
const stepCount = 100;
/** Processes that still run with the old key may seal with it for a while: so one looks again. Units: milliseconds. */
const againMs = 600_000;

const restingUntilMs = new WeakMap<Deps["db"], number>();

/**
 * Puts values that an old key sealed under the newest, a hundred at a time, until none is left. Fenced by the old value:
 * a change that comes between wins.
 *
 * Shape: how many were moved. Cost: nothing with one key; else two round trips, or one in ten minutes when all is done.
 */
export const resealEnvVars = async (deps: Deps): Promise<number> => {
  const [, ...old] = await keyIds(deps);
  if (old.length === 0 || (restingUntilMs.get(deps.db) ?? 0) > performance.now()) return 0;
  const found = await findVarsOfKeys(deps.db, old, stepCount);
  const moves = await Promise.all(
    found.map(async (row) => {
      const value = await unseal(deps, row);
      if (value === null) return null;
      const place = { environmentId: row.environmentId, name: row.name };
      return { ...place, old: row.sealed, ...(await seal(deps, place, value)) };
    }),
  );
  const opened = moves.filter((move) => move !== null);
  if (opened.length < stepCount) restingUntilMs.set(deps.db, performance.now() + againMs);
  return opened.length === 0 ? 0 : resealRows(deps.db, opened);
};
