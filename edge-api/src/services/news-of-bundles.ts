import { findPromotedBundles, type PromotedBundle } from "../db/queries/find-promoted-bundles.ts";
import type { Deps } from "./deps.ts";
import { ShortCache } from "./short-cache.ts";

/** What became current longer ago is fetched by its first run. Units: milliseconds. */
const sinceMs = 86_400_000;
/** Agents that ask at the same time are told by one statement. Units: milliseconds. */
const knownMs = 200;

const caches = new WeakMap<Deps["db"], ShortCache<PromotedBundle[]>>();

/** Something became current in this process: what was read before is not news enough for who is woken for it. */
export const forgetBundles = (deps: Pick<Deps, "db">, poolId: string): void =>
  caches.get(deps.db)?.delete(poolId);

/**
 * Bundles that an agent may fetch before a run needs them: of versions that became current after `toldMs`, which is what
 * the agent was told before.
 *
 * Cost: five round trips a second at most for each pool in each process.
 */
export const newsOfBundles = async (
  deps: Pick<Deps, "db">,
  poolId: string,
  toldMs: number,
): Promise<{ hashes: string[]; toldMs: number }> => {
  const cache = caches.get(deps.db) ?? new ShortCache<PromotedBundle[]>(knownMs, 1_000);
  caches.set(deps.db, cache);
  const found = (await cache.get(poolId, () => findPromotedBundles(deps.db, poolId, sinceMs))) ?? [];
  const fresh = found.filter(({ atMs }) => atMs > toldMs);
  return {
    hashes: [...new Set(fresh.map(({ hash }) => hash))],
    toldMs: Math.max(toldMs, ...fresh.map(({ atMs }) => atMs)),
  };
};
