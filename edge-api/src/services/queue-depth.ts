import { AppError } from "@longshore/shared/core/error-codes";
import { countQueued } from "../db/queries/count-queued.ts";
import type { TriggerItem } from "../db/transitions/trigger-runs.ts";
import type { Deps } from "./deps.ts";

/** What was last counted in a queue, and how many triggers have gone by since. Units: monotonic milliseconds. */
type Depth = { count: number; since: number; atMs: number; tookMs: number };

const depths = new WeakMap<Deps["db"], Map<string, Depth>>();

/** Queues remembered at once. */
const queuesMax = 10_000;
/** Counting takes no more than this share of the time. */
const shareMax = 0.02;
/** Longest time a count is trusted while triggers come. Units: milliseconds. */
const trustMs = 10_000;

/**
 * Refuses a trigger whose queue is full. The depth is counted now and then instead of kept in a row that every trigger
 * would have to update: the nearer the limit, the more often, so that a small limit is exact and a large one is passed by little.
 *
 * Errors: `unprocessable`. Cost: none, or one counting statement.
 */
export const requireRoom = async (deps: Deps, item: TriggerItem): Promise<void> => {
  const max = deps.settings.queueDepthMax;
  const name = `${item.environmentId} ${item.queue ?? `task ${item.task}`}`;
  const known = depths.get(deps.db) ?? new Map<string, Depth>();
  depths.set(deps.db, known);
  const seen = known.get(name);
  const depth = seen !== undefined && isTrusted(seen, max) ? seen : await recount(deps, item, max);
  if (depth !== seen) {
    known.delete(name);
    known.set(name, depth);
    if (known.size > queuesMax) known.delete(known.keys().next().value ?? "");
  }
  if (depth.count >= max) {
    throw new AppError(
      "unprocessable",
      `The queue of task "${item.task}" is full: ${max} runs wait in it. Try again when some have started.`,
    );
  }
  depth.since++;
};

const isTrusted = (depth: Depth, max: number): boolean => {
  const ageMs = performance.now() - depth.atMs;
  // A count that was dear is trusted longer: a full queue of a million must not be counted for each refusal.
  const isDear = ageMs < depth.tookMs / shareMax && depth.tookMs > 5;
  // Not beyond the limit, though: what went by since is known to have been let in.
  if (isDear) return depth.count >= max || depth.count + depth.since < max;
  return ageMs < trustMs && depth.since < (max - depth.count) / 4;
};

const recount = async (deps: Deps, item: TriggerItem, max: number): Promise<Depth> => {
  const startMs = performance.now();
  const count = await countQueued(deps.db, item, max);
  return { count, since: 0, atMs: performance.now(), tookMs: performance.now() - startMs };
};
