import type { WaitDurationBody, WaitDurationResponse } from "@longshore/shared/contract/waitpoints";
import { AppError } from "@longshore/shared/core/error-codes";
import { newId } from "@longshore/shared/core/ids";
import { linkWaitPoint } from "../db/transitions/create-wait-point.ts";
import { type Principal, requireScope } from "./authenticate.ts";
import type { Deps } from "./deps.ts";
import { makeWaitPoint } from "./make-wait-point.ts";
import { wireDate } from "./wire-date.ts";

/**
 * `POST /engine/v1/runs/:runId/wait/duration`: the point that the run's agent then reports it waits for.
 * Errors: `not_found`, `forbidden`, `unprocessable`. Source: the client wire contract, 4.9.
 */
export const waitForDuration = async (
  deps: Deps,
  principal: Principal,
  runId: string,
  body: WaitDurationBody,
): Promise<WaitDurationResponse> => {
  requireScope(principal, "write", [{ type: "runs", id: runId }]);
  const { environmentId } = principal;
  const year = body.date.getUTCFullYear();
  if (year < 1970 || year > 9_999)
    throw new AppError("unprocessable", "date is not a time anyone waits for.");
  const dueAt = body.date.toISOString();
  const point = { id: newId("waitPoint"), environmentId, kind: "time" as const, dueAt, tags: [], runId };
  const made = await makeWaitPoint(deps, point, body);
  return {
    waitUntil: made.dueAt === null ? dueAt : wireDate(made.dueAt),
    waitpoint: { id: made.id },
  };
};

/** `POST /engine/v1/runs/:runId/waitpoints/tokens/:waitpointId/wait`. Errors: `not_found`, `forbidden`. */
export const waitForToken = async (
  deps: Deps,
  principal: Principal,
  runId: string,
  waitPointId: string,
): Promise<{ success: boolean }> => {
  requireScope(principal, "write", [{ type: "runs", id: runId }]);
  const { environmentId } = principal;
  if (!(await linkWaitPoint(deps.db, { runId, waitPointId, environmentId })))
    throw new AppError("not_found", "Run or wait token not found", { shouldRetry: false });
  return { success: true };
};
