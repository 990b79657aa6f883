import { AppError } from "@longshore/shared/core/error-codes";
import { type CanceledRuns, cancelRuns } from "../db/transitions/cancel-runs.ts";
import { type Principal, requireScope } from "./authenticate.ts";
import type { Deps } from "./deps.ts";
import { wakeAfter } from "./wake.ts";

/** Cancels runs, and what they triggered, for whoever may, and wakes those whom that concerns. Cost: that of the move. */
export const cancelAndWake = async (
  deps: Deps,
  request: { environmentId: string; runIds: readonly string[]; reason: string },
): Promise<CanceledRuns["results"]> => {
  const { results, hints } = await cancelRuns(deps.db, request);
  await wakeAfter(deps, hints);
  return results;
};

/**
 * `POST /api/v2/runs/:id/cancel`: the run and what it triggered. One that is over stays as it is, and that is no error.
 * Errors: `not_found`, `forbidden`.
 */
export const cancelRunById = async (
  deps: Deps,
  principal: Principal,
  runId: string,
): Promise<{ id: string }> => {
  requireScope(principal, "write", [{ type: "runs", id: runId }]);
  const [result] = await cancelAndWake(deps, {
    environmentId: principal.environmentId,
    runIds: [runId],
    reason: "The run was cancelled by a request.",
  });
  if (result === undefined || result.kind === "missing") {
    throw new AppError("not_found", "Run not found", { shouldRetry: false });
  }
  if (result.kind === "again") throw new AppError("unavailable", "The run is changing hands; try again.");
  return { id: runId };
};
