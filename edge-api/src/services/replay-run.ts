import type { ReplayRunBody } from "@longshore/shared/contract/bulk-actions";
import { AppError } from "@longshore/shared/core/error-codes";
import { findRun } from "../db/queries/read-runs.ts";
import { type Principal, requireScope } from "./authenticate.ts";
import type { Deps } from "./deps.ts";
import { toReplayRequest } from "./to-replay-request.ts";
import { triggerAll } from "./write-triggers.ts";

/**
 * `POST /api/v1/runs/:id/replay`: a new run of the same task and payload.
 * Errors: `forbidden`, `not_found` for the run or its task, `unprocessable` for an option that cannot be honoured.
 */
export const replayRun = async (
  deps: Deps,
  principal: Principal,
  runId: string,
  request: { body: ReplayRunBody; requestKey: string | null },
): Promise<{ id: string }> => {
  requireScope(principal, "write", [{ type: "runs", id: runId }]);
  const { environmentId } = principal;
  const found = await findRun(deps.db, environmentId, runId);
  if (found === null) throw new AppError("not_found", "Run not found", { shouldRetry: false });
  // The client's key names this very call, not the run: two calls make two runs.
  const requestKey = request.requestKey === null ? null : `\nreplay\n${runId}\n${request.requestKey}`;
  const replay = toReplayRequest(found.run, request.body, { requestKey });
  const [result] = await triggerAll(deps, environmentId, [replay]);
  if (result === undefined) throw new Error("a trigger answered no result");
  if (result.kind === "error") throw result.error;
  return { id: result.id };
};
