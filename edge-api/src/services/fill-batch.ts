import { TriggerOptions } from "@longshore/shared/contract/trigger";
import type { AppError } from "@longshore/shared/core/error-codes";
import { newId } from "@longshore/shared/core/ids";
import type { BatchProgress } from "../db/queries/read-batches.ts";
import { type LinkAnswer, type LinkedItem, linkBatchItems } from "../db/transitions/link-batch-items.ts";
import { settleBatches } from "../db/transitions/settle-batches.ts";
import type { Deps } from "./deps.ts";
import type { TriggerRequest } from "./to-trigger-item.ts";
import { wakeAfter } from "./wake.ts";
import { triggerAll } from "./write-triggers.ts";

/** An item as it arrived; `fault` when there is no sense in triggering it. */
export type BatchItem = {
  index: number;
  task: string;
  payload?: unknown;
  options?: unknown;
  fault?: { code: string; message: string };
};

export type BatchPlace = { id: string; environmentId: string } & Pick<
  BatchProgress,
  "parentRunId" | "resumesParent"
>;

/** What became of an item. */
export type FilledItem = LinkedItem & { isCached: boolean };

const couldNotTrigger = (message: string) => ({ code: "BATCH_ITEM_COULD_NOT_TRIGGER", message });

const toRequest = (
  batch: BatchPlace,
  item: BatchItem,
): TriggerRequest | { code: string; message: string } => {
  if (item.fault !== undefined) return item.fault;
  const options = TriggerOptions.safeParse(item.options ?? {});
  if (!options.success) {
    const issues = options.error.issues.map(
      ({ path, message }) => `${path.map(String).join(".")}: ${message}`,
    );
    return couldNotTrigger(`Invalid options. ${issues.join("; ")}`);
  }
  return {
    task: item.task,
    body: {
      payload: item.payload,
      // The parent waits for the batch, not for each of its runs.
      options: { ...options.data, parentRunId: batch.parentRunId, resumeParentOnCompletion: false },
    },
    // An item that is sent again meets its run, also when it was triggered but not yet linked.
    requestKey: `${batch.id}/${item.index}`,
    idempotencyKey: null,
    idempotencyKeyTtl: null,
    origin: {
      batchId: batch.id,
      batchIndex: item.index,
      triggerFunction: batch.resumesParent ? "batchTriggerAndWait" : "batchTrigger",
    },
  };
};

/** A fault of ours, or one that passes, is no fault of the item. */
const blameOf = (error: AppError): { code: string; message: string } => {
  if (error.status >= 500) throw error;
  return error.code === "payload_too_large"
    ? { code: "PAYLOAD_TOO_LARGE", message: error.message }
    : couldNotTrigger(error.message);
};

/**
 * Triggers items of a batch and links them to it; one that cannot be triggered fails alone.
 *
 * Shape: what became of each, in order, and how the batch stands. Cost: two round trips for each 200 items.
 */
export const fillBatch = async (
  deps: Deps,
  batch: BatchPlace,
  items: readonly BatchItem[],
): Promise<{ filled: FilledItem[]; link: LinkAnswer }> => {
  const asked = items.map((item) => toRequest(batch, item));
  const requests = asked.filter((request): request is TriggerRequest => "task" in request);
  const results = await triggerAll(deps, batch.environmentId, requests);
  let next = 0;
  const filled = items.map((item, at): FilledItem => {
    const base = { index: item.index, task: item.task, isCached: false };
    const request = asked[at];
    if (request !== undefined && "code" in request) return { ...base, runId: newId("run"), error: request };
    const result = results[next++];
    if (result?.kind === "ok") return { ...base, runId: result.id, isCached: result.isCached, error: null };
    if (result === undefined) throw new Error("an item of a batch has no result");
    return { ...base, runId: newId("run"), error: blameOf(result.error) };
  });
  const link = await linkBatchItems(deps.db, batch, filled);
  await wakeAfter(deps, link.hints);
  return { filled, link };
};

/** Looks once more, after the answer, for runs that ended while they were being linked. */
export const settleLater = (deps: Deps, batchId: string): void =>
  deps.later(settleBatches(deps.db, batchId).then(({ hints }) => wakeAfter(deps, hints)));
