import type { BatchResults, BatchWithProcessing } from "@longshore/shared/contract/batches";
import { AppError } from "@longshore/shared/core/error-codes";
import { type BatchRow, readBatchRow, readEndedItems } from "../db/queries/read-batches.ts";
import { type Principal, requireScope } from "./authenticate.ts";
import type { Deps } from "./deps.ts";
import { toRunResult } from "./run-result.ts";
import { wireDate } from "./wire-date.ts";

const getBatch = async (deps: Deps, principal: Principal, batchId: string): Promise<BatchRow> => {
  requireScope(principal, "read", [{ type: "batch", id: batchId }]);
  const row = await readBatchRow(deps.db, principal.environmentId, batchId);
  if (row === null) throw new AppError("not_found", "Batch not found", { shouldRetry: false });
  return row;
};

/** `GET /api/v2/batches/:id`. Errors: `not_found`, `forbidden`. */
export const readBatch = async (
  deps: Deps,
  principal: Principal,
  batchId: string,
): Promise<BatchWithProcessing> => {
  const row = await getBatch(deps, principal, batchId);
  return {
    id: row.id,
    status: row.status,
    ...(row.idempotencyKey === null ? {} : { idempotencyKey: row.idempotencyKey }),
    createdAt: wireDate(row.createdAt),
    updatedAt: wireDate(row.updatedAt),
    runCount: row.runCount,
    runs: row.runs,
    processing: {
      ...(row.completedAt === null ? {} : { completedAt: wireDate(row.completedAt) }),
      errors: row.errors,
    },
  };
};

/** `GET /api/v1/batches/:id/results`: what has ended, in order of index. Errors: `not_found`, `forbidden`. */
export const readBatchResults = async (
  deps: Deps,
  principal: Principal,
  batchId: string,
): Promise<BatchResults> => {
  await getBatch(deps, principal, batchId);
  return { id: batchId, items: (await readEndedItems(deps.db, [batchId])).map(toRunResult) };
};
