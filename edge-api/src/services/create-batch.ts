import type { CreateBatchBody, CreateBatchResponse } from "@longshore/shared/contract/batches";
import { AppError } from "@longshore/shared/core/error-codes";
import { newId } from "@longshore/shared/core/ids";
import { type CreateBatchAnswer, createBatch as makeBatch } from "../db/transitions/create-batch.ts";
import { type Principal, requireScope } from "./authenticate.ts";
import type { Deps } from "./deps.ts";
import { hashToken } from "./hash-token.ts";
import { signTokenFor } from "./tokens.ts";
import { branchArchived } from "./write-triggers.ts";

/** How long the items of a batch may take to arrive. Units: milliseconds. */
const sealMs = 30 * 60_000;
/** Life of the token a batch answers with. Units: seconds. */
const handleTokenLifeS = 3_600;
const dayMs = 86_400_000;
/** As long as the keys of its items live. Units: milliseconds. */
const keyLifeMs = 30 * dayMs;

/** A new batch, and a token that reads it and nothing else. */
export type BatchHandle = CreateBatchResponse & { token: string; claims: object };

/** A batch is recognised by its own key; a request that was only sent again, by the client's key for it. */
const keyOf = async (
  body: CreateBatchBody,
  requestKey: string | null,
): Promise<{ keyHash: string | null; keyExpiresAt: string | null }> => {
  if (body.idempotencyKey !== undefined) {
    const tasks = [...(body.taskIdentifiers ?? [])].sort();
    const keyHash = await hashToken(JSON.stringify(["key", body.idempotencyKey, tasks]));
    return { keyHash, keyExpiresAt: new Date(Date.now() + keyLifeMs).toISOString() };
  }
  if (requestKey === null) return { keyHash: null, keyExpiresAt: null };
  const keyHash = await hashToken(JSON.stringify(["request", requestKey]));
  return { keyHash, keyExpiresAt: new Date(Date.now() + dayMs).toISOString() };
};

/** Errors: `forbidden` unless the credential may trigger every task that the batch names. */
export const requireBatchScope = (principal: Principal, tasks: readonly string[] | undefined): void => {
  if (tasks === undefined || tasks.length === 0)
    requireScope(principal, "batchTrigger", [{ type: "tasks" }, { type: "batch" }]);
  for (const id of tasks ?? [])
    requireScope(principal, "batchTrigger", [{ type: "tasks", id }, { type: "batch" }]);
};

/**
 * `POST /api/v3/batches`: a batch without its items yet. A key whose batch was never filled answers that batch as a new
 * one, so that its items are sent after all.
 *
 * Errors: `forbidden`, `unprocessable` for a parent that does not run, or a key that names a batch of another size. Source: the client wire contract, 4.2.
 */
export const createBatch = async (
  deps: Deps,
  principal: Principal,
  body: CreateBatchBody,
  requestKey: string | null,
): Promise<BatchHandle> => {
  requireBatchScope(principal, body.taskIdentifiers);
  const { environmentId } = principal;
  const key = await keyOf(body, requestKey);
  const answer = await settleKey(() =>
    makeBatch(deps.db, {
      id: newId("batch"),
      environmentId,
      runCount: body.runCount,
      ...key,
      idempotencyKey: body.idempotencyKey ?? null,
      parentRunId: body.parentRunId ?? null,
      resumesParent: body.resumeParentOnCompletion === true,
      waitPointId: newId("waitPoint"),
      sealMs,
    }),
  );
  if (answer.kind === "archived") throw branchArchived();
  if (answer.kind === "parent_missing")
    throw new AppError(
      "unprocessable",
      `Parent run "${body.parentRunId}" is not running in this environment.`,
    );
  if (answer.kind === "other_count") throw otherCount(body, answer);
  const scopes = [`read:batch:${answer.id}`];
  return {
    id: answer.id,
    runCount: answer.runCount,
    isCached: body.idempotencyKey !== undefined && answer.kind === "cached" && answer.isSealed,
    ...(body.idempotencyKey === undefined ? {} : { idempotencyKey: body.idempotencyKey }),
    token: await signTokenFor(deps, principal, { pub: true, scopes }, handleTokenLifeS),
    claims: { sub: environmentId, pub: true, scopes },
  };
};

/** The items that the earlier batch does not have would never run, and nobody would be told. */
const otherCount = (body: CreateBatchBody, known: { id: string; runCount: number }): AppError => {
  const key = body.idempotencyKey === undefined ? "x-trigger-request-idempotency-key" : "idempotencyKey";
  return new AppError(
    "unprocessable",
    `This ${key} made batch ${known.id} of ${known.runCount} runs; it cannot name one of ${body.runCount}.`,
  );
};

type Settled = Exclude<CreateBatchAnswer, { kind: "again" }>;

const settleKey = async (make: () => Promise<CreateBatchAnswer>): Promise<Settled> => {
  for (let tries = 0; tries < 5; tries++) {
    const answer = await make();
    if (answer.kind !== "again") return answer;
  }
  throw new AppError("unavailable", "Other batches with this idempotency key are in the way; try again.");
};
