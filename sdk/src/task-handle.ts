import { triggerBatch, triggerBatchAndWait } from "./batch.ts";
import type {
  BatchAndWaitItem,
  BatchItem,
  BatchResult,
  BatchRunHandle,
  BatchRunPromise,
  BatchTriggerOptions,
  ItemSource,
} from "./batch-types.ts";
import type { RequestOptions } from "./http/request-options.ts";
import type { ParsePayload } from "./parse-payload.ts";
import type { TaskRunPromise } from "./task-run-result.ts";
import { type RunHandle, triggerTask, triggerTaskAndWait } from "./trigger.ts";
import type { TriggerAndWaitOptions, TriggerOptions } from "./trigger-options.ts";
import { ambientScope, type TriggerRequestOptions } from "./trigger-scope.ts";

/** A task as the rest of the code holds it. */
export type Task<TId extends string, TInput = void, TOutput = unknown> = {
  readonly id: TId;
  readonly description?: string;
  /** Triggers a run and answers at once. */
  trigger(
    payload: TInput,
    options?: TriggerOptions,
    requestOptions?: TriggerRequestOptions,
  ): Promise<RunHandle<TId, TInput, TOutput>>;
  /** Triggers up to 1,000 runs at once. */
  batchTrigger(
    items: ItemSource<BatchItem<TInput>>,
    options?: BatchTriggerOptions,
    requestOptions?: TriggerRequestOptions,
  ): Promise<BatchRunHandle<TId, TInput, TOutput>>;
  /** Triggers a run and waits for its end; only inside a task. */
  triggerAndWait(
    payload: TInput,
    options?: TriggerAndWaitOptions,
    requestOptions?: RequestOptions,
  ): TaskRunPromise<TId, TOutput>;
  /** Triggers up to 1,000 runs and waits until all have ended; only inside a task. */
  batchTriggerAndWait(
    items: ItemSource<BatchAndWaitItem<TInput>>,
    options?: BatchTriggerOptions,
    requestOptions?: RequestOptions,
  ): BatchRunPromise<BatchResult<TId, TOutput>, TOutput[]>;
  /** Carries the types only; never set. */
  readonly "~types"?: { id: TId; input: TInput; output: TOutput };
  readonly "~parsePayload"?: ParsePayload;
};

/** What a definition gives its handle beside the id. */
export type TaskHandleOptions = {
  description?: string | undefined;
  /** Checks a payload before it is sent, and answers what to send. Errors: a rejection refuses the trigger. */
  parsePayload?: ParsePayload | undefined;
};

/** Makes what a definition answers: the id, the types, and every way to trigger the task. */
export const taskHandle = <TId extends string, TInput, TOutput>(
  id: TId,
  options: TaskHandleOptions = {},
): Task<TId, TInput, TOutput> => {
  const { description, parsePayload } = options;
  const toItem = (item: BatchItem<TInput>) => ({
    task: id,
    payload: item.payload,
    options: item.options,
    parsePayload,
  });
  return {
    id,
    ...(description === undefined ? {} : { description }),
    ...(parsePayload === undefined ? {} : { "~parsePayload": parsePayload }),
    trigger: async (payload, triggerOptions, requestOptions) => {
      const checked = parsePayload ? ((await parsePayload(payload)) as TInput) : payload;
      return triggerTask<TId, TInput, TOutput>(ambientScope, id, checked, triggerOptions, requestOptions);
    },
    batchTrigger: (items, batchOptions, requestOptions) =>
      triggerBatch(ambientScope, { source: items, toItem, options: batchOptions, requestOptions }),
    triggerAndWait: (payload, triggerOptions, requestOptions) =>
      triggerTaskAndWait(ambientScope, id, payload, triggerOptions, requestOptions, parsePayload),
    batchTriggerAndWait: (items, batchOptions, requestOptions) =>
      triggerBatchAndWait(ambientScope, "batchTriggerAndWait", {
        source: items,
        toItem,
        options: batchOptions,
        requestOptions,
      }),
  };
};
