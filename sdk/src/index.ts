/** What users import. One line a noun; nothing here has code of its own. */
export { type Client, type CreateClientOptions, createClient, type RunDetails } from "./client.ts";
export { defineConfig, type LongshoreConfig, type TriggerConfig } from "./config.ts";
export { type ClientConfig, configure } from "./configure.ts";
export * from "./errors.ts";
export type { Page, PagePromise } from "./http/pages.ts";
export {
  type IdempotencyKey,
  type IdempotencyKeyInput,
  type IdempotencyScope,
  idempotencyKeys,
} from "./idempotency-keys.ts";
export { type LogAttributes, type LogSpan, logger } from "./logger.ts";
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
  type Context,
  type RetryOptions,
  type TaskOptions,
  type TaskRunParams,
  task,
  timeout,
} from "./task.ts";
export type { AnyTask, Task, TaskIdentifier, TaskOutput, TaskPayload } from "./task-handle.ts";
export { type TasksClient, tasks } from "./tasks.ts";
export type { RunHandle, TaskRunPromise, TaskRunResult } from "./trigger.ts";
export type { TriggerAndWaitOptions, TriggerOptions } from "./trigger-options.ts";
export { type WaitForOptions, type WaitUntilOptions, wait } from "./wait.ts";
