import type { LegacyBatchBody } from "@longshore/shared/contract/batches";
import { readBatchRow } from "../db/queries/read-batches.ts";
import type { Principal } from "./authenticate.ts";
import { type BatchHandle, createBatch, requireBatchScope } from "./create-batch.ts";
import type { Deps } from "./deps.ts";
import { type BatchItem, fillBatch, settleLater } from "./fill-batch.ts";

/** A batch that was sent whole, with its runs. */
export type LegacyBatch = BatchHandle & { runs: { id: string; taskIdentifier: string; isCached: boolean }[] };

/**
 * The batch and its items in one request, as older clients send it.
 *
 * Errors: `forbidden`, `unprocessable` for a parent that does not run. An item that cannot be triggered fails alone.
 */
export const triggerLegacyBatch = async (
  deps: Deps,
  principal: Principal,
  body: LegacyBatchBody,
  request: { idempotencyKey: string | null; requestKey: string | null },
): Promise<LegacyBatch> => {
  const tasks = [...new Set(body.items.map(({ task }) => task))];
  requireBatchScope(principal, tasks);
  const { parentRunId, resumeParentOnCompletion } = body;
  const handle = await createBatch(
    deps,
    principal,
    {
      runCount: body.items.length,
      taskIdentifiers: tasks,
      ...(parentRunId === undefined ? {} : { parentRunId }),
      ...(resumeParentOnCompletion === undefined ? {} : { resumeParentOnCompletion }),
      ...(request.idempotencyKey === null ? {} : { idempotencyKey: request.idempotencyKey }),
    },
    request.requestKey,
  );
  const { environmentId } = principal;
  if (!handle.isCached) {
    const items = body.items.map((item, index): BatchItem => ({ ...item, index }));
    const place = {
      id: handle.id,
      environmentId,
      parentRunId: parentRunId ?? null,
      resumesParent: resumeParentOnCompletion === true,
    };
    const { filled } = await fillBatch(deps, place, items);
    settleLater(deps, handle.id);
    const runs = filled.map(({ runId, task, isCached }) => ({ id: runId, taskIdentifier: task, isCached }));
    return { ...handle, runs };
  }
  const row = await readBatchRow(deps.db, environmentId, handle.id);
  const runs = (row?.runs ?? []).map((id, at) => ({
    id,
    taskIdentifier: body.items[at]?.task ?? "",
    isCached: true,
  }));
  return { ...handle, runs };
};
