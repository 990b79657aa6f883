import type { RunResult } from "@longshore/shared/contract/batches";
import { AppError } from "@longshore/shared/core/error-codes";
import { findRun } from "../db/queries/read-runs.ts";
import { type Principal, requireScope } from "./authenticate.ts";
import type { Deps } from "./deps.ts";
import { toRunResult } from "./run-result.ts";

/**
 * The run and whether the caller may read it: through the run, its task, one of its tags or its batch.
 * Errors: `not_found`, also for a run of another environment; `forbidden`.
 */
export const getReadableRun = async (
  deps: Deps,
  principal: Principal,
  runId: string,
): Promise<NonNullable<Awaited<ReturnType<typeof findRun>>>> => {
  const found = await findRun(deps.db, principal.environmentId, runId);
  if (found === null) throw new AppError("not_found", "Run not found", { shouldRetry: false });
  const { run } = found;
  requireScope(principal, "read", [
    { type: "runs", id: run.id },
    { type: "tasks", id: run.taskSlug },
    ...run.tags.map((tag) => ({ type: "tags", id: tag })),
    ...(run.batchId === null ? [] : [{ type: "batch", id: run.batchId }]),
  ]);
  return found;
};

/** `GET /api/v1/runs/:runId/result`. Errors: `not_found`, also while the run is not over; `forbidden`. */
export const readRunResult = async (deps: Deps, principal: Principal, runId: string): Promise<RunResult> => {
  const { run } = await getReadableRun(deps, principal, runId);
  if (run.finishedAt === null)
    throw new AppError("not_found", "The run is not over yet", { shouldRetry: false });
  return toRunResult({ ...run, taskIdentifier: run.taskSlug });
};
