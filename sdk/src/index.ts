/** What users import. One line a noun; nothing here has code of its own. */
export { type Client, type CreateClientOptions, createClient, type RunDetails } from "./client.ts";
export { type ConcurrencyBounds, type ConcurrencyLimit, concurrencyLimit } from "./concurrency-limit.ts";
export { defineConfig, type LongshoreConfig, type TriggerConfig } from "./config.ts";
export { type ClientConfig, configure } from "./configure.ts";
export { timeout } from "./define-task.ts";
export * from "./errors.ts";
export { heartbeats } from "./heartbeats.ts";
export type { Page, PagePromise } from "./http/pages.ts";
export {
  type IdempotencyKey,
  type IdempotencyKeyInput,
  type IdempotencyScope,
  idempotencyKeys,
} from "./idempotency-keys.ts";
export type { Context } from "./lifecycle/context.ts";
export type {
  CatchErrorResult,
  HookParams,
  RetryOptions,
  TaskCompleteResult,
  TaskHooks,
  TaskRunParams,
  TaskWait,
} from "./lifecycle/hooks.ts";
export { type LocalsKey, locals } from "./locals.ts";
export { type LogAttributes, type LogSpan, logger } from "./logger.ts";
export { type MetadataUpdater, metadata, type RunMetadata } from "./metadata.ts";
export { type Queue, queue } from "./queue.ts";
export { type FetchRetryOptions, type RetryFetchInit, retry } from "./retry.ts";
export {
  type ListRunsQuery,
  type PollOptions,
  type Run,
  type RunItem,
  type RunSource,
  type RunsClient,
  runs,
} from "./runs.ts";
export {
  type Cron,
  type ScheduledTaskPayload,
  type ScheduleTaskOptions,
  scheduleTask,
} from "./schedule-task.ts";
export { type SchemaTaskOptions, schemaTask } from "./schema-task.ts";
export type { SchemaInput, SchemaOutput, TaskSchema } from "./schema-types.ts";
export { tags } from "./tags.ts";
export { task } from "./task.ts";
export type { AnyTask, Task, TaskIdentifier, TaskOutput, TaskPayload } from "./task-handle.ts";
export type { TaskConcurrency, TaskOptions } from "./task-options.ts";
export { type TasksClient, tasks } from "./tasks.ts";
export type { RunHandle, TaskRunPromise, TaskRunResult } from "./trigger.ts";
export type { TriggerAndWaitOptions, TriggerOptions } from "./trigger-options.ts";
export { type ComputeUsage, type CurrentUsage, usage } from "./usage.ts";
export { type WaitForOptions, type WaitKey, type WaitUntilOptions, wait } from "./wait.ts";
export type {
  CreateTokenOptions,
  ListTokensQuery,
  RetrievedToken,
  TokenPromise,
  TokenResult,
  WaitToken,
  WaitTokenItem,
} from "./wait-tokens.ts";
export { waitUntil } from "./wait-until.ts";
