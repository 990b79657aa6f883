import type { AnyTask, TaskIdentifier, TaskOutput, TaskPayload } from "./any-task.ts";
import { triggerBatch, triggerBatchAndWait } from "./batch.ts";
import type {
  BatchAndWaitItem,
  BatchHandleOf,
  BatchItem,
  BatchResult,
  BatchRunPromise,
  BatchTriggerOptions,
  ItemSource,
} from "./batch-types.ts";
import { globalHooks } from "./global-hooks.ts";
import type { RequestOptions } from "./http/request-options.ts";
import type { Run } from "./run-types.ts";
import { type PollOptions, runsOf } from "./runs.ts";
import type { TaskRunPromise } from "./task-run-result.ts";
import { type RunHandle, triggerTask, triggerTaskAndWait } from "./trigger.ts";
import type { TriggerAndWaitOptions, TriggerOptions } from "./trigger-options.ts";
import { ambientScope, type TriggerRequestOptions, type TriggerScope } from "./trigger-scope.ts";

/** The tasks of an environment, by id. */
export type TasksClient = {
  /** Triggers a task whose code is elsewhere: `tasks.trigger<typeof myTask>("my-task", payload)`. */
  trigger<TTask extends AnyTask>(
    id: TaskIdentifier<TTask>,
    payload: TaskPayload<TTask>,
    options?: TriggerOptions,
    requestOptions?: TriggerRequestOptions,
  ): Promise<RunHandle<TaskIdentifier<TTask>, TaskPayload<TTask>, TaskOutput<TTask>>>;
  /** Triggers up to 1,000 runs of one task. */
  batchTrigger<TTask extends AnyTask>(
    id: TaskIdentifier<TTask>,
    items: ItemSource<BatchItem<TaskPayload<TTask>>>,
    options?: BatchTriggerOptions,
    requestOptions?: TriggerRequestOptions,
  ): Promise<BatchHandleOf<TTask>>;
  /** Triggers a run and asks until it is over; outside a task, where nothing can be suspended. */
  triggerAndPoll<TTask extends AnyTask>(
    id: TaskIdentifier<TTask>,
    payload: TaskPayload<TTask>,
    options?: TriggerOptions & PollOptions,
    requestOptions?: TriggerRequestOptions,
  ): Promise<Run<TaskPayload<TTask>, TaskOutput<TTask>>>;
};

/** One task's item as a batch holds it. */
const itemOf = (task: string) => (item: BatchItem<unknown>) => ({
  task,
  payload: item.payload,
  options: item.options,
});

/** Binds the noun to where its triggers go. */
export const tasksOf = (scope: TriggerScope): TasksClient => ({
  trigger: async (id, payload, options, requestOptions) =>
    triggerTask(scope, id, payload, options, requestOptions),
  batchTrigger: (id, items, options, requestOptions) =>
    triggerBatch(scope, { source: items, toItem: itemOf(id), options, requestOptions }),
  triggerAndPoll: async (id, payload, { pollIntervalMs, signal, ...options } = {}, requestOptions) => {
    const { id: runId } = await triggerTask(scope, id, payload, options, requestOptions);
    return runsOf(() => scope.api(requestOptions?.clientConfig)).poll(runId, {
      ...(pollIntervalMs === undefined ? {} : { pollIntervalMs }),
      ...(signal === undefined ? {} : { signal }),
    });
  },
});

const triggerAndWait = <TTask extends AnyTask>(
  id: TaskIdentifier<TTask>,
  payload: TaskPayload<TTask>,
  options?: TriggerAndWaitOptions,
  requestOptions?: RequestOptions,
): TaskRunPromise<TaskIdentifier<TTask>, TaskOutput<TTask>> =>
  triggerTaskAndWait(ambientScope, id, payload, options, requestOptions);

const batchTriggerAndWait = <TTask extends AnyTask>(
  id: TaskIdentifier<TTask>,
  items: ItemSource<BatchAndWaitItem<TaskPayload<TTask>>>,
  options?: BatchTriggerOptions,
  requestOptions?: RequestOptions,
): BatchRunPromise<BatchResult<TaskIdentifier<TTask>, TaskOutput<TTask>>, TaskOutput<TTask>[]> =>
  triggerBatchAndWait(ambientScope, "tasks.batchTriggerAndWait", {
    source: items,
    toItem: itemOf(id),
    options,
    requestOptions,
  });

/** Triggers tasks by id, and sets hooks for all of them. The and-wait forms work only inside a task. */
export const tasks = { ...tasksOf(ambientScope), triggerAndWait, batchTriggerAndWait, ...globalHooks };
