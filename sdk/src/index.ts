/** What users import. One line a noun; nothing here has code of its own. */
export type { AnyTask, TaskIdentifier, TaskOutput, TaskPayload } from "./any-task.ts";
export { type AuthClient, auth, type CreatePublicTokenOptions, type PublicTokenPermissions } from "./auth.ts";
export { type Batch, type BatchClient, batch } from "./batch.ts";
export { BatchTriggerError } from "./batch-trigger-error.ts";
export type {
  BatchByIdAndWaitItem,
  BatchByIdItem,
  BatchByIdResult,
  BatchByTaskAndWaitItem,
  BatchByTaskItem,
  BatchByTaskResult,
  BatchItem,
  BatchResult,
  BatchRunHandle,
  BatchRunPromise,
  BatchTriggerOptions,
} from "./batch-types.ts";
export type { BulkAction } from "./bulk-actions.ts";
export { type Client, type CreateClientOptions, createClient } from "./client.ts";
export { type ConcurrencyBounds, type ConcurrencyLimit, concurrencyLimit } from "./concurrency-limit.ts";
export {
  type ConcurrencyLimitKeyState,
  type ConcurrencyLimitState,
  concurrencyLimits,
} from "./concurrency-limits.ts";
export { defineConfig, type LongshoreConfig, type TriggerConfig } from "./config.ts";
export { type ClientConfig as ApiClientConfiguration, type ClientConfig, configure } from "./configure.ts";
export { timeout } from "./define-task.ts";
export {
  type Deployment,
  type Deployment as ApiDeploymentListResponseItem,
  type Deployment as RetrieveCurrentDeploymentResponseBody,
  deployments,
} from "./deployments.ts";
export {
  type CreateEnvVarParams,
  type EnvVarsClient,
  envvars,
  type ImportEnvVarsParams,
  type ImportEnvVarsParams as ImportEnvironmentVariablesParams,
} from "./envvars.ts";
export * from "./error-guards.ts";
export * from "./errors.ts";
export type {
  AnyOnCancelHookFunction,
  AnyOnCatchErrorHookFunction,
  AnyOnCompleteHookFunction,
  AnyOnFailureHookFunction,
  AnyOnMiddlewareHookFunction,
  AnyOnResumeHookFunction,
  AnyOnStartAttemptHookFunction,
  AnyOnStartHookFunction,
  AnyOnSuccessHookFunction,
  AnyOnWaitHookFunction,
} from "./global-hooks.ts";
export { heartbeats } from "./heartbeats.ts";
export type { OffsetPage, OffsetPagePromise } from "./http/offset-pages.ts";
export type { Page, PagePromise } from "./http/pages.ts";
export type { RequestOptions } from "./http/request-options.ts";
export {
  type IdempotencyKey,
  type IdempotencyKeyInput,
  type IdempotencyScope,
  idempotencyKeys,
} from "./idempotency-keys.ts";
export type { Context, Context as TaskRunContext } from "./lifecycle/context.ts";
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
export { type QueueItem, queues } from "./queues.ts";
export { type FetchRetryOptions, type RetryFetchInit, retry } from "./retry.ts";
export type { RunDetails } from "./run-details.ts";
export type { ListRunsQuery } from "./run-filter.ts";
export type { Run, Run as AnyRetrieveRunResult, RunItem, RunSource } from "./run-types.ts";
export {
  type PollOptions,
  type ReplayOptions as ReplayRunOptions,
  type RetrieveOptions,
  type RetrieveRunResult,
  type RunsClient,
  runs,
} from "./runs.ts";
export type {
  Cron,
  ScheduledTaskPayload,
  ScheduleTaskOptions,
} from "./schedule-task.ts";
export { type CreateScheduleOptions, type Schedule, schedules } from "./schedules.ts";
export { type SchemaTaskOptions, schemaTask } from "./schema-task.ts";
export type { SchemaInput, SchemaOutput, TaskSchema } from "./schema-types.ts";
export { tags } from "./tags.ts";
export { task } from "./task.ts";
export type { Task } from "./task-handle.ts";
export type { TaskConcurrency, TaskOptions } from "./task-options.ts";
export type { TaskRunPromise, TaskRunResult } from "./task-run-result.ts";
export { type TasksClient, tasks } from "./tasks.ts";
export type { RunHandle } from "./trigger.ts";
export { TriggerClient, type TriggerClientConfig } from "./trigger-client.ts";
export type { TriggerAndWaitOptions, TriggerOptions } from "./trigger-options.ts";
export type { TriggerRequestOptions } from "./trigger-scope.ts";
export { type ComputeUsage, type CurrentUsage, usage } from "./usage.ts";
export {
  type WaitForOptions,
  type WaitKey,
  type WaitKey as CommonWaitOptions,
  type WaitUntilOptions,
  wait,
} from "./wait.ts";
export type {
  CreateTokenOptions,
  ListTokensQuery,
  RetrievedToken,
  RetrievedToken as WaitpointRetrievedToken,
  TokenPromise,
  TokenResult,
  WaitToken,
  WaitTokenItem,
} from "./wait-tokens.ts";
export { waitUntil } from "./wait-until.ts";
