import type { AnyTask, TaskIdentifier, TaskOutput, TaskPayload } from "./any-task.ts";
import type { TaskRunResult } from "./task-run-result.ts";
import type { TriggerAndWaitOptions, TriggerOptions } from "./trigger-options.ts";

/** Items all at once, or as they come. They are read to the end before the batch is made: at most 1,000. */
export type ItemSource<T> = readonly T[] | Iterable<T> | AsyncIterable<T> | ReadableStream<T>;

/** A payload for one task. */
export type BatchItem<TInput> = { payload: TInput; options?: TriggerOptions };
/** The same where the caller waits. */
export type BatchAndWaitItem<TInput> = { payload: TInput; options?: TriggerAndWaitOptions };

/** A payload and the id of its task; of a union of tasks, the two go together. */
export type BatchByIdItem<TTask extends AnyTask> = TTask extends AnyTask
  ? { id: TaskIdentifier<TTask>; payload: TaskPayload<TTask>; options?: TriggerOptions }
  : never;
/** The same where the caller waits. */
export type BatchByIdAndWaitItem<TTask extends AnyTask> = TTask extends AnyTask
  ? { id: TaskIdentifier<TTask>; payload: TaskPayload<TTask>; options?: TriggerAndWaitOptions }
  : never;

/** A payload and its task. */
export type BatchByTaskItem<TTask extends AnyTask> = {
  task: TTask;
  payload: TaskPayload<TTask>;
  options?: TriggerOptions;
};
/** The same where the caller waits. */
export type BatchByTaskAndWaitItem<TTask extends AnyTask> = {
  task: TTask;
  payload: TaskPayload<TTask>;
  options?: TriggerAndWaitOptions;
};

/** How the whole batch is triggered. With a key, the batch and each of its items are made once. */
export type BatchTriggerOptions = Pick<TriggerOptions, "idempotencyKey" | "idempotencyKeyTTL">;

declare const brand: unique symbol;

/** A batch that was triggered, typed by its task. */
export type BatchRunHandle<TId extends string, TInput, TOutput> = {
  batchId: string;
  runCount: number;
  /** The batch existed already: an idempotency key matched. */
  isCached: boolean;
  idempotencyKey?: string;
  /** A token that may read this batch, for a browser; empty when the server sent none. */
  publicAccessToken: string;
  readonly [brand]?: { id: TId; input: TInput; output: TOutput };
};

/** The handle of a batch of these tasks. */
export type BatchHandleOf<TTask extends AnyTask> = BatchRunHandle<
  TaskIdentifier<TTask>,
  TaskPayload<TTask>,
  TaskOutput<TTask>
>;

/** How a run of one of these tasks ended: told apart by `taskIdentifier`. */
export type TaskRunResultOf<TTask extends AnyTask> = TTask extends AnyTask
  ? TaskRunResult<TaskIdentifier<TTask>, TaskOutput<TTask>>
  : never;

/** How the runs of a batch ended, in the order of its items. */
export type BatchResult<TId extends string, TOutput> = { id: string; runs: TaskRunResult<TId, TOutput>[] };
/** The same for a batch of several tasks. */
export type BatchByIdResult<TTask extends AnyTask> = { id: string; runs: TaskRunResultOf<TTask>[] };
/** The same, each in its place. */
export type BatchByTaskResult<TTasks extends readonly AnyTask[]> = {
  id: string;
  runs: { [Place in keyof TTasks]: TaskRunResultOf<TTasks[Place]> };
};

/** Await it for every result, or `.unwrap()` it for the outputs alone. */
export type BatchRunPromise<TResult, TOutputs> = Promise<TResult> & {
  /** Errors: throws SubtaskUnwrapError for the first run that did not succeed. */
  unwrap(): Promise<TOutputs>;
};
