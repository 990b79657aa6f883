import type { BatchWithProcessing } from "@longshore/shared/contract/batches";
import type { AnyTask, TaskOutput } from "./any-task.ts";
import type {
  BatchByIdAndWaitItem,
  BatchByIdItem,
  BatchByIdResult,
  BatchByTaskAndWaitItem,
  BatchByTaskItem,
  BatchByTaskResult,
  BatchHandleOf,
  BatchRunPromise,
  BatchTriggerOptions,
  ItemSource,
} from "./batch-types.ts";
import type { Api } from "./http/api.ts";
import { recordDecoder } from "./http/record-decoder.ts";
import { callParts, type RequestOptions } from "./http/request-options.ts";
import { type PlainItem, type SentBatch, sendBatch } from "./send-batch.ts";
import { resultOfWait, type TaskRunResult, unwrapResult } from "./task-run-result.ts";
import { checkTokenWish, tokenOfHandle } from "./trigger.ts";
import {
  ambientScope,
  parentOf,
  requireHost,
  type TriggerRequestOptions,
  type TriggerScope,
} from "./trigger-scope.ts";
import { type WithDates, withDates } from "./wire-dates.ts";

/** A batch: how far it is, its runs, and what could not be triggered. */
export type Batch = WithDates<BatchWithProcessing, "createdAt" | "updatedAt">;

const batchSchema = recordDecoder<BatchWithProcessing>("a batch", ["id", "status", "runCount", "createdAt"]);

/** What every way to trigger a batch has in common. */
type BatchCall<T> = {
  source: ItemSource<T>;
  toItem(item: T): PlainItem;
  options: BatchTriggerOptions | undefined;
  requestOptions: TriggerRequestOptions | undefined;
};

/** Triggers a batch and answers its handle. Cost and errors: as for `sendBatch`. */
export const triggerBatch = async <T>(scope: TriggerScope, call: BatchCall<T>) => {
  checkTokenWish(call.requestOptions);
  const target = call.requestOptions?.clientConfig;
  const api = scope.api(target);
  const { parentRunId, test } = scope.parent(target);
  const { version, externalDeploymentId } = scope.pin(target);
  const sent = await sendBatch(api, {
    ...call,
    extra: { parentRunId },
    itemExtra: { test, lockToVersion: version, externalDeploymentId },
  });
  return {
    batchId: sent.id,
    runCount: sent.items.length,
    isCached: sent.isCached,
    ...(sent.idempotencyKey === undefined ? {} : { idempotencyKey: sent.idempotencyKey }),
    publicAccessToken: await tokenOfHandle(
      api,
      sent.publicAccessToken,
      `read:batch:${sent.id}`,
      call.requestOptions,
    ),
  };
};

type Results = { id: string; runs: TaskRunResult<string, unknown>[] };

const resultsOf = async (
  api: Api,
  sent: SentBatch,
  ended: Awaited<ReturnType<ReturnType<typeof requireHost>["wait"]>>,
): Promise<Results> => {
  const [wait] = ended;
  if (!wait?.items && wait?.ok !== false) {
    throw new Error(`the wait for batch ${sent.id} ended without its results`);
  }
  if (!wait.items || wait.items.length < sent.items.length) {
    throw new Error(`batch ${sent.id} was given up: the server did not get all of its items in time`);
  }
  const runs: Results["runs"] = [];
  // One after the other: a batch may bring a thousand outputs that have to be fetched.
  for (const item of wait.items) {
    runs.push(await resultOfWait(api, { id: item.id, taskIdentifier: item.taskIdentifier }, item));
  }
  return { id: sent.id, runs };
};

const waitForBatch = async <T>(scope: TriggerScope, name: string, call: BatchCall<T>): Promise<Results> => {
  const host = requireHost(name);
  const api = scope.api();
  const { test } = parentOf(host);
  const sent = await sendBatch(api, {
    ...call,
    extra: { parentRunId: host.context.run.id, resumeParentOnCompletion: true },
    itemExtra: { test, lockToVersion: host.context.deployment?.version ?? host.context.run.version },
  });
  return resultsOf(api, sent, await host.wait([{ kind: "batch", batchId: sent.id }]));
};

/**
 * Triggers a batch and waits, without holding a slot, until all of its runs have ended.
 * Errors: rejects outside a task, when the batch cannot be triggered, and when this run is cancelled; a run that fails
 * is a result, not a rejection.
 */
export const triggerBatchAndWait = <T, TResult, TOutputs>(
  scope: TriggerScope,
  name: string,
  call: BatchCall<T>,
): BatchRunPromise<TResult, TOutputs> => {
  const results = waitForBatch(scope, name, call);
  return Object.assign(results as Promise<unknown> as Promise<TResult>, {
    unwrap: async () => (await results).runs.map(unwrapResult) as TOutputs,
  });
};

const byId = (item: { id: string; payload: unknown; options?: object }): PlainItem => ({
  task: item.id,
  payload: item.payload,
  options: item.options,
});

const byTask = (item: { task: AnyTask; payload: unknown; options?: object }): PlainItem => ({
  task: item.task.id,
  payload: item.payload,
  options: item.options,
  parsePayload: item.task["~parsePayload"],
});

type TaskItems<TTasks extends readonly AnyTask[]> = {
  [Place in keyof TTasks]: BatchByTaskItem<TTasks[Place]>;
};
type TaskAndWaitItems<TTasks extends readonly AnyTask[]> = {
  [Place in keyof TTasks]: BatchByTaskAndWaitItem<TTasks[Place]>;
};
type Outputs<TTasks extends readonly AnyTask[]> = { [Place in keyof TTasks]: TaskOutput<TTasks[Place]> };
/** A stream of items, as opposed to a list whose places have types of their own. */
type Stream<T> = AsyncIterable<T> | ReadableStream<T>;

type TriggerByTask = {
  <TTasks extends readonly AnyTask[]>(
    items: TaskItems<TTasks>,
    options?: BatchTriggerOptions,
    requestOptions?: TriggerRequestOptions,
  ): Promise<BatchHandleOf<TTasks[number]>>;
  <TTask extends AnyTask>(
    items: Stream<BatchByTaskItem<TTask>>,
    options?: BatchTriggerOptions,
    requestOptions?: TriggerRequestOptions,
  ): Promise<BatchHandleOf<TTask>>;
};

/** The batches of an environment. */
export type BatchClient = {
  /** Triggers runs of any tasks by id: `batch.trigger<typeof a | typeof b>([{ id: "a", payload }, …])`. */
  trigger<TTask extends AnyTask = AnyTask>(
    items: ItemSource<BatchByIdItem<TTask>>,
    options?: BatchTriggerOptions,
    requestOptions?: TriggerRequestOptions,
  ): Promise<BatchHandleOf<TTask>>;
  /** Triggers runs of tasks that are at hand. */
  triggerByTask: TriggerByTask;
  retrieve(batchId: string, requestOptions?: RequestOptions): Promise<Batch>;
};

/** Binds the noun to where its triggers go. */
export const batchOf = (scope: TriggerScope): BatchClient => ({
  trigger: (items, options, requestOptions) =>
    triggerBatch(scope, {
      source: items as ItemSource<Parameters<typeof byId>[0]>,
      toItem: byId,
      options,
      requestOptions,
    }),
  triggerByTask: ((
    items: ItemSource<Parameters<typeof byTask>[0]>,
    options?: BatchTriggerOptions,
    requestOptions?: TriggerRequestOptions,
  ) => triggerBatch(scope, { source: items, toItem: byTask, options, requestOptions })) as TriggerByTask,
  retrieve: async (batchId, requestOptions) => {
    const path = `/api/v2/batches/${encodeURIComponent(batchId)}`;
    const wire = await scope.api().request(batchSchema, "GET", path, callParts(requestOptions));
    return withDates(wire, ["createdAt", "updatedAt"]);
  },
});

const triggerAndWait = <TTask extends AnyTask = AnyTask>(
  items: ItemSource<BatchByIdAndWaitItem<TTask>>,
  options?: BatchTriggerOptions,
  requestOptions?: RequestOptions,
): BatchRunPromise<BatchByIdResult<TTask>, TaskOutput<TTask>[]> =>
  triggerBatchAndWait(ambientScope, "batch.triggerAndWait", {
    source: items as ItemSource<Parameters<typeof byId>[0]>,
    toItem: byId,
    options,
    requestOptions,
  });

type TriggerByTaskAndWait = {
  <TTasks extends readonly AnyTask[]>(
    items: TaskAndWaitItems<TTasks>,
    options?: BatchTriggerOptions,
    requestOptions?: RequestOptions,
  ): BatchRunPromise<BatchByTaskResult<TTasks>, Outputs<TTasks>>;
  <TTask extends AnyTask>(
    items: Stream<BatchByTaskAndWaitItem<TTask>>,
    options?: BatchTriggerOptions,
    requestOptions?: RequestOptions,
  ): BatchRunPromise<BatchByIdResult<TTask>, TaskOutput<TTask>[]>;
};

const triggerByTaskAndWait = ((
  items: ItemSource<Parameters<typeof byTask>[0]>,
  options?: BatchTriggerOptions,
  requestOptions?: RequestOptions,
) =>
  triggerBatchAndWait(ambientScope, "batch.triggerByTaskAndWait", {
    source: items,
    toItem: byTask,
    options,
    requestOptions,
  })) as TriggerByTaskAndWait;

/** Triggers many runs at once. The and-wait forms work only inside a task. */
export const batch = { ...batchOf(ambientScope), triggerAndWait, triggerByTaskAndWait };
