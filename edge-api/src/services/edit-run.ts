import type { Run } from "@longshore/shared/contract/runs";
import { resolveDelayMs } from "@longshore/shared/core/durations";
import { AppError } from "@longshore/shared/core/error-codes";
import { addRunTags, rescheduleRun, resetIdempotencyKey } from "../db/transitions/edit-run.ts";
import { type Principal, requireScope } from "./authenticate.ts";
import type { Deps } from "./deps.ts";
import { getReadableRun } from "./read-run.ts";
import { serialiseRun, type Vocabulary } from "./serialise-run.ts";
import { storableKey, tagsMax } from "./to-trigger-item.ts";
import { wakeAfter } from "./wake.ts";

const runMissing = () => new AppError("not_found", "Run not found", { shouldRetry: false });

/** `POST /api/v1/runs/:runId/tags`. Errors: `not_found`, `forbidden`, `unprocessable` for more than ten in all. */
export const addTags = async (
  deps: Deps,
  principal: Principal,
  runId: string,
  tags: readonly string[],
): Promise<{ message: string }> => {
  requireScope(principal, "write", [{ type: "runs", id: runId }]);
  const run = { runId, environmentId: principal.environmentId };
  const answer = await addRunTags(deps.db, run, [...new Set(tags)], tagsMax);
  if (answer.kind === "missing") throw runMissing();
  if (answer.kind === "too_many")
    throw new AppError("unprocessable", `A run has at most ${tagsMax} tags; it would have ${answer.count}.`);
  return { message: `Added ${answer.added} tags` };
};

/**
 * `POST /api/v1/runs/:runId/reschedule`: another time for a run that is delayed as its caller asked; a past one is now.
 * Errors: `bad_request` for a delay that is none, `unprocessable` for a run that is not delayed, `not_found`, `forbidden`.
 */
export const reschedule = async (
  deps: Deps,
  principal: Principal,
  runId: string,
  delay: string,
  vocabulary: Vocabulary,
): Promise<Run> => {
  requireScope(principal, "write", [{ type: "runs", id: runId }]);
  await getReadableRun(deps, { ...principal, scopes: null }, runId);
  const dueMs = resolveDelayMs(delay, Date.now());
  if (dueMs === "invalid" || (dueMs !== null && dueMs - Date.now() > 315_360_000_000))
    throw new AppError(
      "bad_request",
      `Invalid delay "${delay}": a date or a duration such as 1h30m, of ten years at most.`,
    );
  const { environmentId } = principal;
  const dueAt = new Date(dueMs ?? Date.now()).toISOString();
  const answer = await rescheduleRun(deps.db, { runId, environmentId, dueAt });
  if (answer === "missing") throw runMissing();
  if (answer === "refused") throw new AppError("unprocessable", "Only a delayed run can be rescheduled.");
  // A parked poll learns of a new due time only by looking.
  await wakeAfter(deps, { environmentIds: [environmentId], agentIds: [] });
  const found = await getReadableRun(deps, { ...principal, scopes: null }, runId);
  return serialiseRun(found, vocabulary);
};

/** `POST /api/v1/idempotencyKeys/:key/reset`. Errors: `not_found`, `forbidden`. */
export const resetKey = async (
  deps: Deps,
  principal: Principal,
  key: string,
  task: string,
): Promise<{ id: string }> => {
  requireScope(principal, "write", [{ type: "runs" }, { type: "tasks", id: task }]);
  const stored = await storableKey(key);
  const { environmentId } = principal;
  const isReset =
    stored !== null && (await resetIdempotencyKey(deps.db, { environmentId, task, key: stored }));
  if (!isReset)
    throw new AppError("not_found", `No run of task "${task}" holds this idempotency key.`, {
      shouldRetry: false,
    });
  return { id: key };
};
