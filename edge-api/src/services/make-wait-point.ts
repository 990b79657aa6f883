import { AppError } from "@longshore/shared/core/error-codes";
import { createWaitPoint, type NewWaitPoint } from "../db/transitions/create-wait-point.ts";
import type { Deps } from "./deps.ts";
import { hashToken } from "./hash-token.ts";
import { idempotencyExpiry } from "./to-trigger-item.ts";
import { wakeAfter } from "./wake.ts";

/**
 * Makes a wait point, or finds the one that the idempotency key names.
 * Errors: `unprocessable` for a life of the key that is none, `not_found` for a run that is over or elsewhere.
 */
export const makeWaitPoint = async (
  deps: Deps,
  point: Omit<NewWaitPoint, "idempotencyKey" | "storedKey" | "keyExpiresAt">,
  key: { idempotencyKey?: string | undefined; idempotencyKeyTTL?: string | undefined },
): Promise<{ id: string; isCached: boolean; dueAt: string | null }> => {
  const { idempotencyKey } = key;
  const keyed: NewWaitPoint = {
    ...point,
    idempotencyKey: idempotencyKey ?? null,
    storedKey: idempotencyKey === undefined ? null : await hashToken(idempotencyKey),
    keyExpiresAt: idempotencyKey === undefined ? null : idempotencyExpiry(key.idempotencyKeyTTL),
  };
  for (let tries = 0; tries < 5; tries++) {
    const answer = await createWaitPoint(deps.db, keyed);
    if (answer.kind === "again") continue;
    if (answer.kind === "run_missing")
      throw new AppError("not_found", "Run not found, or it is over", { shouldRetry: false });
    // A parked poll learns of a new due time only by looking.
    if (answer.kind === "created" && point.dueAt !== null)
      await wakeAfter(deps, { environmentIds: [point.environmentId], agentIds: [] });
    return { id: answer.id, isCached: answer.kind === "cached", dueAt: answer.dueAt };
  }
  throw new AppError("unavailable", "Other requests with this idempotency key are in the way; try again.");
};
