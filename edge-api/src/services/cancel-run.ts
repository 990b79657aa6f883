import { AppError } from "@longshore/shared/core/error-codes";
import { cancelRuns } from "../db/transitions/cancel-runs.ts";
import { type Principal, requireScope } from "./authenticate.ts";
import type { Deps } from "./deps.ts";
import { wakeAfter } from "./wake.ts";

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
  const { results, hints } = await cancelRuns(deps.db, {
    environmentId: principal.environmentId,
    runIds: [runId],
    reason: "The run was cancelled by a request.",
  });
  const kind = results[0]?.kind ?? "missing";
  if (kind === "missing") throw new AppError("not_found", "Run not found", { shouldRetry: false });
  await wakeAfter(deps, hints);
  if (kind === "again") throw new AppError("unavailable", "The run is changing hands; try again.");
  return { id: runId };
};
