import { readEnvVars } from "../db/transitions/env-vars.ts";
import type { Deps } from "./deps.ts";
import { unseal } from "./seal.ts";
import { ShortCache } from "./short-cache.ts";

/** How long an environment's variables are remembered: a change reaches new attempts within this. Units: milliseconds. */
const cacheMs = 3_000;

/** What a run's process gets, or the name of the first variable that no configured key opens. */
export type EnvOfRuns =
  /** `secrets`: names of the variables that are secret. */
  { kind: "ok"; env: Record<string, string>; secrets: string[] } | { kind: "unreadable"; name: string };

const caches = new WeakMap<Deps["db"], ShortCache<EnvOfRuns>>();

const cacheOf = (db: Deps["db"]): ShortCache<EnvOfRuns> => {
  const known = caches.get(db) ?? new ShortCache<EnvOfRuns>(cacheMs, 1_000);
  caches.set(db, known);
  return known;
};

/** This process reads the environment's variables anew for the next run. */
export const forgetEnvOfRuns = (deps: Pick<Deps, "db">, environmentId: string): void =>
  cacheOf(deps.db).delete(environmentId);

const load = async (deps: Deps, environmentId: string): Promise<EnvOfRuns> => {
  const env: Record<string, string> = {};
  const secrets: string[] = [];
  for (const row of await readEnvVars(deps.db, environmentId)) {
    const value = await unseal(deps, row);
    if (value === null) return { kind: "unreadable", name: row.name };
    env[row.name] = value;
    if (row.isSecret) secrets.push(row.name);
  }
  return { kind: "ok", env, secrets };
};

/**
 * The variables that a run of the environment starts with, a branch's with those it inherits. Cost: one round trip for
 * each environment in three seconds, however many runs are claimed.
 */
export const envOfRuns = async (deps: Deps, environmentId: string): Promise<EnvOfRuns> =>
  (await cacheOf(deps.db).get(environmentId, () => load(deps, environmentId))) ?? {
    kind: "ok",
    env: {},
    secrets: [],
  };
