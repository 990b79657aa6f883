import { AppError } from "@longshore/shared/core/error-codes";
import { isDataFault } from "../db/retry-conflicts.ts";
import { type TriggerItem, type TriggerOutcome, triggerRuns } from "../db/transitions/trigger-runs.ts";
import type { Deps } from "./deps.ts";
import { groupCommit } from "./group-commit.ts";
import { offloadPayload } from "./offload-packets.ts";
import { type TriggerRequest, toTriggerItem } from "./to-trigger-item.ts";

/** Most items of one statement: more make none cheaper. */
const itemsMax = 200;

const writers = new WeakMap<Deps["db"], (item: TriggerItem) => Promise<TriggerOutcome>>();

/** Statements in flight beyond two only split the groups. */
const writerOf = (deps: Deps): ((item: TriggerItem) => Promise<TriggerOutcome>) => {
  const one = async (item: TriggerItem) => firstOf(await triggerRuns(deps.db, [item]));
  if (!deps.groupsCommits) return one;
  const known =
    writers.get(deps.db) ??
    groupCommit((items) => triggerRuns(deps.db, items), {
      itemsMax,
      flightsMax: 2,
      isItemFault: isDataFault,
    });
  writers.set(deps.db, known);
  return known;
};

const firstOf = (outcomes: TriggerOutcome[]): TriggerOutcome => {
  const [outcome] = outcomes;
  if (outcome === undefined) throw new Error("a trigger answered no outcome");
  return outcome;
};

/** Writes one trigger, together with those that arrive meanwhile. Errors: those of `triggerRun`. */
export const writeTrigger = async (deps: Deps, item: TriggerItem): Promise<TriggerOutcome> => {
  const writeItem = writerOf(deps);
  for (let tries = 0; tries < 5; tries++) {
    const outcome = await writeItem(item).catch(refuseUnstorable);
    if (outcome.kind === "again") continue;
    const refusal = refusalOf(outcome, item);
    if (refusal !== null) throw refusal;
    return outcome;
  }
  throw inTheWay();
};

/** What became of one of many triggers. */
export type TriggerResult =
  | { kind: "ok"; id: string; isCached: boolean }
  | { kind: "error"; error: AppError };

/**
 * Triggers many tasks at once for the platform itself (batches, schedules, replays): nothing checks scopes here.
 *
 * Shape: one result for each request, in order; a bad one spoils no other. Cost: one round trip for each 200.
 */
export const triggerAll = async (
  deps: Deps,
  environmentId: string,
  requests: readonly TriggerRequest[],
): Promise<TriggerResult[]> => {
  const results = new Array<TriggerResult>(requests.length);
  const items: { at: number; item: TriggerItem }[] = [];
  for (const [at, request] of requests.entries()) {
    try {
      items.push({ at, item: await offloadPayload(deps, await toTriggerItem(environmentId, request)) });
    } catch (error) {
      results[at] = { kind: "error", error: asAppError(error) };
    }
  }
  for (let from = 0; from < items.length; from += itemsMax) {
    await writeGroup(deps, items.slice(from, from + itemsMax), results);
  }
  return results;
};

const writeGroup = async (
  deps: Deps,
  group: readonly { at: number; item: TriggerItem }[],
  results: TriggerResult[],
): Promise<void> => {
  let left = group;
  for (let tries = 0; tries < 5 && left.length > 0; tries++) {
    const outcomes = await triggerRuns(
      deps.db,
      left.map(({ item }) => item),
    ).catch((error: unknown) => {
      if (isDataFault(error)) return null;
      throw error;
    });
    if (outcomes === null) return writeAlone(deps, left, results);
    const again: (typeof group)[number][] = [];
    const pools = new Set<string>();
    for (const [nth, entry] of left.entries()) {
      const outcome = outcomes[nth];
      if (outcome === undefined || outcome.kind === "again") again.push(entry);
      else results[entry.at] = resultOf(outcome, entry.item);
      if (outcome?.kind === "created" && outcome.poolId !== null) pools.add(outcome.poolId);
    }
    await Promise.all([...pools].map((poolId) => deps.hints.wakePool(poolId)));
    left = again;
  }
  for (const { at } of left) results[at] = { kind: "error", error: inTheWay() };
};

const writeAlone = async (
  deps: Deps,
  group: readonly { at: number; item: TriggerItem }[],
  results: TriggerResult[],
): Promise<void> => {
  for (const { at, item } of group) {
    try {
      results[at] = resultOf(await writeTrigger(deps, item), item);
    } catch (error) {
      results[at] = { kind: "error", error: asAppError(error) };
    }
  }
};

const resultOf = (outcome: TriggerOutcome, item: TriggerItem): TriggerResult => {
  const error = refusalOf(outcome, item);
  if (error !== null) return { kind: "error", error };
  return { kind: "ok", id: outcome.runId ?? "", isCached: outcome.kind === "cached" };
};

const asAppError = (error: unknown): AppError => {
  if (error instanceof AppError) return error;
  throw error;
};

const inTheWay = (): AppError =>
  new AppError("unavailable", "Other triggers with this idempotency key are in the way; try again.");

const refuseUnstorable = (cause: unknown): never => {
  if (!isDataFault(cause)) throw cause;
  throw new AppError("unprocessable", "The request holds a value that cannot be stored.", { cause });
};

const refusalOf = (outcome: TriggerOutcome, item: TriggerItem): AppError | null => {
  switch (outcome.kind) {
    case "task_missing":
      return new AppError(
        "not_found",
        `Task "${item.task}" not found in this environment. Deploy it first.`,
        { shouldRetry: false },
      );
    case "version_missing":
      return new AppError(
        "unprocessable",
        `Version "${item.lockVersion}" is not deployed in this environment.`,
      );
    case "queue_missing":
      return new AppError("unprocessable", `Queue "${item.queue}" not found in this environment.`);
    case "parent_missing":
      return new AppError(
        "unprocessable",
        `Parent run "${item.parentRunId}" is not running in this environment.`,
      );
    default:
      return null;
  }
};
