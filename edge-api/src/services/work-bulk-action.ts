import { z } from "zod";
import { type BulkScope, listBulkRuns, type RunRow } from "../db/queries/read-runs.ts";
import {
  type BulkActionRow,
  type BulkTarget,
  endBulkStep,
  markBulkRuns,
  takeBulkAction,
} from "../db/transitions/bulk-actions.ts";
import { cancelAndWake } from "./cancel-run.ts";
import type { Deps } from "./deps.ts";
import { toReplayRequest } from "./to-replay-request.ts";
import { triggerAll } from "./write-triggers.ts";

/** Runs of one step, and steps of one call (the next sweep goes on). */
const stepSize = 100;
const stepsMax = 100;

const Target = z.custom<BulkTarget>((value) => typeof value === "object" && value !== null);

type Counts = { successCount: number; failureCount: number };

const cancelAll = async (deps: Deps, action: BulkActionRow, runs: readonly RunRow[]): Promise<Counts> => {
  const ids = runs.map(({ id }) => id);
  await markBulkRuns(deps.db, action.id, action.environmentId, ids);
  const results = await cancelAndWake(deps, {
    environmentId: action.environmentId,
    runIds: ids,
    reason: "The run was cancelled by a bulk action.",
  });
  // Over already is as wanted; only a run that is gone or cannot be caught has failed.
  const successCount = results.filter(({ kind }) => kind !== "missing" && kind !== "again").length;
  return { successCount, failureCount: ids.length - successCount };
};

const replayAll = async (
  deps: Deps,
  action: BulkActionRow,
  runs: readonly RunRow[],
  region: string | undefined,
): Promise<Counts> => {
  const requests = runs.map((run) =>
    toReplayRequest(run, region === undefined ? {} : { region }, {
      requestKey: `\nbulk\n${action.id}\n${run.id}`,
      origin: { bulkActionId: action.id },
    }),
  );
  const results = await triggerAll(deps, action.environmentId, requests);
  const successCount = results.filter(({ kind }) => kind === "ok").length;
  return { successCount, failureCount: results.length - successCount };
};

const scopeOf = (action: BulkActionRow, target: BulkTarget): BulkScope => ({
  environmentId: action.environmentId,
  bulkActionId: action.id,
  type: action.type,
  madeAt: action.createdAt,
  ...(target.filter === undefined ? {} : { filter: target.filter }),
  ...(target.runIds === undefined ? {} : { runIds: target.runIds }),
});

/**
 * Works a bulk action off, a hundred runs a step, newest first, until it is done, aborted or long enough. A step that a
 * dead process left is done again by the next one: canceling twice is canceling once, and a replay names its request.
 *
 * Cost: two round trips a step, and one for its cancels or replays.
 */
export const workBulkAction = async (deps: Deps, id: string): Promise<void> => {
  const action = await takeBulkAction(deps.db, id);
  if (action === null) return;
  const target = Target.parse(action.target);
  let { cursor } = action;
  let handled = action.successCount + action.failureCount;
  for (let steps = 1; steps <= stepsMax; steps++) {
    const runs = await listBulkRuns(deps.db, scopeOf(action, target), { after: cursor, size: stepSize });
    const { successCount, failureCount } =
      action.type === "CANCEL"
        ? await cancelAll(deps, action, runs)
        : await replayAll(deps, action, runs, target.region);
    const isLast = runs.length < stepSize;
    handled += runs.length;
    // Ids that name no run of this environment failed; nothing else can be left over.
    const unknown = isLast && target.runIds !== undefined ? target.runIds.length - handled : 0;
    const to = runs.at(-1)?.id ?? cursor;
    const counts = { successCount, failureCount: failureCount + Math.max(0, unknown) };
    const goesOn = steps < stepsMax;
    if (!(await endBulkStep(deps.db, id, { from: cursor, to, ...counts, isLast, goesOn }))) return;
    cursor = to;
  }
};
