import { AppError } from "@longshore/shared/core/error-codes";
import { type CancelAnswer, cancelRun } from "../db/transitions/cancel-run.ts";
import { type Principal, requireScope } from "./authenticate.ts";
import type { Deps } from "./deps.ts";
import { wakeAfter } from "./wake.ts";

/** Cancels a run for whoever may, and wakes those whom that concerns. Cost: that of the move. */
export const cancelAndWake = async (
  deps: Deps,
  run: { runId: string; environmentId: string; reason: string },
): Promise<CancelAnswer["kind"]> => {
  const answer = await cancelRun(deps.db, run);
  if (answer.kind === "moved") await wakeAfter(deps, answer.hints);
  if (answer.kind === "requested") await deps.hints.wakeAgent(answer.agentId);
  return answer.kind;
};

/**
 * `POST /api/v2/runs/:id/cancel`. A run that is over already stays as it is, and that is no error.
 * Errors: `not_found`, `forbidden`.
 */
export const cancelRunById = async (
  deps: Deps,
  principal: Principal,
  runId: string,
): Promise<{ id: string }> => {
  requireScope(principal, "write", [{ type: "runs", id: runId }]);
  const kind = await cancelAndWake(deps, {
    runId,
    environmentId: principal.environmentId,
    reason: "The run was cancelled by a request.",
  });
  if (kind === "missing") throw new AppError("not_found", "Run not found", { shouldRetry: false });
  if (kind === "again") throw new AppError("unavailable", "The run is changing hands; try again.");
  return { id: runId };
};
