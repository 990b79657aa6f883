import { labelsMax } from "@longshore/shared/contract/trigger";
import { AppError } from "@longshore/shared/core/error-codes";
import { newId } from "@longshore/shared/core/ids";
import { isDataFault } from "../db/retry-conflicts.ts";
import { cancelRuns } from "../db/transitions/cancel-runs.ts";
import { expireNamedRuns } from "../db/transitions/expire-runs.ts";
import { openLane } from "../db/transitions/open-lane.ts";
import { pushBackRun } from "../db/transitions/push-back-run.ts";
import {
  keysOf,
  type TriggerItem,
  type TriggerOutcome,
  triggerRuns,
} from "../db/transitions/trigger-runs.ts";
import { waitForRun } from "../db/transitions/wait-for-run.ts";
import type { Deps } from "./deps.ts";
import { groupCommit } from "./group-commit.ts";
import { offloadPayload } from "./offload-packets.ts";
import { requireRoom } from "./queue-depth.ts";
import { refuseDataFault } from "./refuse-unstorable.ts";
import { type Debounce, debounceOf, type TriggerRequest, toTriggerItem } from "./to-trigger-item.ts";
import { wakeAfter } from "./wake.ts";

/** Most items of one statement: more make none cheaper. */
const itemsMax = 200;

/** Tasks that are remembered as in need of a place; more than these are found out again. */
const placedMax = 10_000;

type WriteItem = (item: TriggerItem) => Promise<TriggerOutcome>;
const writers = new WeakMap<Deps["db"], WriteItem>();

/**
 * Writes items, those that arrive meanwhile together. What needs all keys or a place goes by itself: a statement that knows
 * of them costs the others more, and one that fails would fail them too.
 */
const makeWriter = (deps: Deps): WriteItem => {
  const write = (keys?: "all"): WriteItem => {
    const some = (items: TriggerItem[]) => triggerRuns(deps.db, items, keys ?? keysOf(items));
    if (!deps.groupsCommits) return async (item) => firstOf(await some([item]));
    // A second statement in flight would only split the groups: each costs most for being sent at all.
    return groupCommit(some, { itemsMax, flightsMax: 1, isItemFault: isDataFault });
  };
  const [plain, whole] = [write(), write("all")];
  /** Only what saves a statement: the whole one is right for all. */
  const placed = new Set<string>();
  return async (item) => {
    const name = JSON.stringify([item.environmentId, item.task, item.queue]);
    if (keysOf([item]) === "all" || placed.has(name)) return whole(item);
    const outcome = await plain(item);
    if (outcome.kind !== "placed") return outcome;
    if (placed.size >= placedMax) placed.clear();
    placed.add(name);
    return whole(item);
  };
};

const writerOf = (deps: Deps): WriteItem => {
  const known = writers.get(deps.db) ?? makeWriter(deps);
  writers.set(deps.db, known);
  return known;
};

const firstOf = (outcomes: TriggerOutcome[]): TriggerOutcome => {
  const [outcome] = outcomes;
  if (outcome === undefined) throw new Error("a trigger answered no outcome");
  return outcome;
};

/** Where many want the same place of a lane, each round serves one of them. */
const triesMax = 100;

/** What became of one trigger: the run it made or met. */
export type Written = { id: string; isCached: boolean };

/** Writes one trigger, together with those that arrive meanwhile. Errors: those of `triggerRun`. */
export const writeTrigger = async (
  deps: Deps,
  item: TriggerItem,
  debounce: Debounce | null,
): Promise<Written> => {
  const writeItem = writerOf(deps);
  for (let tries = 0; tries < triesMax; tries++) {
    if (debounce !== null) {
      const id = await pushBackRun(deps.db, { ...item, ...debounce }).catch(refuseUnstorable);
      if (id !== null) return { id, isCached: false };
    }
    const outcome = await writeItem(item).catch(refuseUnstorable);
    if (outcome.kind === "again") continue;
    if (outcome.kind === "lane_missing") await openLimitedLane(deps, item, outcome);
    else if (outcome.kind === "expired") await endOutlived(deps, [outcome]);
    else return settle(deps, outcome, item);
  }
  throw inTheWay();
};

/** What follows a trigger that was written: hints, and the end of the run whose place it took. */
const settle = async (deps: Deps, outcome: TriggerOutcome, item: TriggerItem): Promise<Written> => {
  const refusal = refusalOf(outcome, item);
  if (refusal !== null) throw refusal;
  if (outcome.kind === "created" && outcome.poolId !== null) await deps.hints.wakePool(outcome.poolId);
  await endReplaced(deps, item, outcome);
  if (needsLink(outcome, item)) await linkParent(deps, item, outcome.runId ?? "");
  return { id: outcome.runId ?? "", isCached: outcome.kind === "cached" };
};

/** Ends the runs that these triggers met although their time to live is over: no sweep was there yet. */
const endOutlived = async (deps: Deps, outcomes: readonly TriggerOutcome[]): Promise<void> => {
  const runIds = outcomes.flatMap(({ kind, runId }) => (kind === "expired" && runId !== null ? [runId] : []));
  if (runIds.length === 0) return;
  const expired = await expireNamedRuns(deps.db, runIds);
  await wakeAfter(deps, expired.hints);
};

const needsLink = (outcome: TriggerOutcome, item: TriggerItem): boolean =>
  outcome.kind === "cached" && item.resumeParent && item.parentRunId !== null;

/** Errors: `unprocessable` when the run waits for its own parent. */
const linkParent = async (deps: Deps, item: TriggerItem, childId: string): Promise<void> => {
  const parentId = item.parentRunId ?? "";
  const { environmentId, waitPointId } = item;
  const linked = await waitForRun(deps.db, { environmentId, parentId, childId, waitPointId });
  if (linked !== "deadlock") return;
  throw new AppError(
    "unprocessable",
    `Run ${childId} waits for ${parentId}, which would now wait for it: neither could ever go on.`,
  );
};

/** A run that triggers its own successor goes on: cancelling it would reach the successor too. */
const endReplaced = async (deps: Deps, item: TriggerItem, outcome: TriggerOutcome): Promise<void> => {
  const runId = outcome.replacedRunId;
  if (runId === null || runId === item.parentRunId) return;
  const canceled = await cancelRuns(deps.db, {
    environmentId: item.environmentId,
    runIds: [runId],
    reason: `Replaced by the newer run ${item.id}.`,
  });
  await wakeAfter(deps, canceled.hints);
};

/** Errors: `unprocessable` that names the limit or gate, or says that the task's labels and the trigger's are too many. */
const openLimitedLane = async (deps: Deps, item: TriggerItem, outcome: TriggerOutcome): Promise<void> => {
  const labelCount = Object.keys(outcome.labels ?? {}).length;
  if (labelCount > labelsMax) {
    throw new AppError(
      "unprocessable",
      `A run has at most ${labelsMax} labels; with those of its task this one has ${labelCount}.`,
    );
  }
  const gates = item.gates ?? [];
  const opened = await openLane(deps.db, {
    laneId: newId("lane"),
    environmentId: item.environmentId,
    queueId: outcome.queueId ?? "",
    concurrencyKey: item.concurrencyKey,
    limitsKey: outcome.limitsKey,
    limitNames: outcome.limitNames,
    gates,
    slotIds: outcome.limitNames.flatMap(() => [newId("limitSlot"), newId("limitSlot")]),
    gateLaneIds: gates.map(() => newId("lane")),
    place: outcome.place,
    placelessLaneId: newId("lane"),
  }).catch(refuseUnstorable);
  const [limit] = opened.missingLimits;
  if (limit !== undefined) {
    throw new AppError("unprocessable", `Concurrency limit "${limit}" not found in this environment.`);
  }
  const [gate] = opened.missingGates;
  if (gate !== undefined)
    throw new AppError("unprocessable", `Gate queue "${gate}" not found in this environment.`);
};

/** What became of one of many triggers. */
export type TriggerResult =
  | { kind: "ok"; id: string; isCached: boolean }
  | { kind: "error"; error: AppError };

/**
 * Triggers many tasks at once for the platform itself (batches, schedules, replays): nothing checks scopes here.
 *
 * Shape: one result for each request, in order; a bad one spoils no other. Cost: one round trip for each 200, another where
 * some of them need a place.
 */
export const triggerAll = async (
  deps: Deps,
  environmentId: string,
  requests: readonly TriggerRequest[],
): Promise<TriggerResult[]> => {
  const results = new Array<TriggerResult>(requests.length);
  const entries: Entry[] = [];
  for (const [at, request] of requests.entries()) {
    try {
      const item = await offloadPayload(deps, await toTriggerItem(environmentId, request));
      entries.push({ at, item, debounce: debounceOf(request.body.options) });
    } catch (error) {
      results[at] = { kind: "error", error: asAppError(error) };
    }
  }
  await refuseFull(deps, entries, results);
  const open = entries.filter(({ at }) => results[at] === undefined);
  for (let from = 0; from < open.length; from += itemsMax) {
    await writeGroup(deps, open.slice(from, from + itemsMax), results);
  }
  return results;
};

type Entry = { at: number; item: TriggerItem; debounce: Debounce | null };

const refuseFull = async (deps: Deps, entries: readonly Entry[], results: TriggerResult[]): Promise<void> => {
  for (const { at, item } of entries) {
    try {
      await requireRoom(deps, item);
    } catch (error) {
      results[at] = { kind: "error", error: asAppError(error) };
    }
  }
};

/**
 * One statement for all. Shape: those that need a place, which the statement for all keys gives; those that need more than
 * that; and those that met a run which had outlived its time, and is over now.
 */
const writeTogether = async (
  deps: Deps,
  entries: readonly Entry[],
  results: TriggerResult[],
  keys?: "all",
): Promise<{ placed: Entry[]; left: Entry[]; outlived: Entry[] }> => {
  const items = entries.map(({ item }) => item);
  const outcomes =
    items.length === 0 ? [] : await triggerRuns(deps.db, items, keys ?? keysOf(items)).catch(orNothing);
  const placed: Entry[] = [];
  const left: Entry[] = [];
  const outlived: Entry[] = [];
  const pools = new Set<string>();
  for (const [nth, entry] of entries.entries()) {
    const outcome = outcomes[nth];
    if (outcome?.kind === "expired") outlived.push(entry);
    else if (outcome?.kind === "placed") placed.push(entry);
    else if (
      outcome === undefined ||
      outcome.kind === "again" ||
      outcome.kind === "lane_missing" ||
      needsLink(outcome, entry.item)
    ) {
      left.push(entry);
    } else {
      results[entry.at] = resultOf(outcome, entry.item);
      if (outcome.kind === "created" && outcome.poolId !== null) pools.add(outcome.poolId);
      await endReplaced(deps, entry.item, outcome);
    }
  }
  await Promise.all([...pools].map((poolId) => deps.hints.wakePool(poolId)));
  await endOutlived(deps, outcomes);
  return { placed, left, outlived };
};

/** The group goes as one statement, what needs a place or met a run past its time as one more each; the rest goes alone after them. */
const writeGroup = async (deps: Deps, group: readonly Entry[], results: TriggerResult[]): Promise<void> => {
  const together = group.filter(({ debounce }) => debounce === null);
  const first = await writeTogether(deps, together, results);
  const placed = await writeTogether(deps, first.placed, results, "all");
  const second = await writeTogether(deps, [...first.outlived, ...placed.outlived], results, "all");
  const debounced = group.filter(({ debounce }) => debounce !== null);
  const alone = [...first.left, ...placed.left, ...second.left, ...second.outlived];
  for (const { at, item, debounce } of [...debounced, ...alone]) {
    try {
      results[at] = { kind: "ok", ...(await writeTrigger(deps, item, debounce)) };
    } catch (error) {
      results[at] = { kind: "error", error: asAppError(error) };
    }
  }
};

/** A statement that one bad value spoiled has written nothing: its items go alone. */
const orNothing = (error: unknown): TriggerOutcome[] => {
  if (isDataFault(error)) return [];
  throw error;
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

/** What a credential of a branch hears that was put away after the credential was made. */
export const branchArchived = (): AppError =>
  new AppError(
    "not_found",
    "The branch was archived and takes no new runs. Make it again to bring it back.",
    {
      shouldRetry: false,
    },
  );

const inTheWay = (): AppError =>
  new AppError("unavailable", "Other triggers with this idempotency key are in the way; try again.");

const refuseUnstorable = refuseDataFault();

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
    case "archived":
      return branchArchived();
    case "parent_missing":
      return new AppError(
        "unprocessable",
        `Parent run "${item.parentRunId}" is not running in this environment.`,
      );
    default:
      return null;
  }
};
