import { findPoolOfEnvironment } from "../db/queries/find-pool.ts";
import type { HintsDue } from "../db/transitions/move-result.ts";
import type { Deps } from "./deps.ts";
import { ShortCache } from "./short-cache.ts";

const poolCaches = new WeakMap<Deps["db"], ShortCache<string>>();

/** The pool that serves an environment; remembered for a minute. */
export const poolOf = async (deps: Deps, environmentId: string): Promise<string | null> => {
  const cache = poolCaches.get(deps.db) ?? new ShortCache<string>(60_000, 10_000);
  poolCaches.set(deps.db, cache);
  return cache.get(environmentId, () => findPoolOfEnvironment(deps.db, environmentId));
};

/** Sends the hints that a move left due. Never fails: a hint is lossy by contract. */
export const wakeAfter = async (deps: Deps, due: HintsDue): Promise<void> => {
  const pools = await Promise.all(due.environmentIds.map((id) => poolOf(deps, id)));
  const wakes = [
    ...[...new Set(pools)].map((pool) => (pool === null ? undefined : deps.hints.wakePool(pool))),
    ...due.agentIds.map((agentId) => deps.hints.wakeAgent(agentId)),
  ];
  await Promise.allSettled(wakes);
};
