import type { MachinePreset } from "@longshore/shared/contract/machines";
import type { ConcurrencyBounds, ConcurrencyLimit } from "./concurrency-limit.ts";
import type { RetryOptions, TaskHooks, TaskRunParams } from "./lifecycle/hooks.ts";
import type { Queue } from "./queue.ts";

type OneConcurrency = ConcurrencyBounds | ConcurrencyLimit | string;

/** A task's own bounds, and up to two limits that it shares with other tasks, themselves or by name. */
export type TaskConcurrency = OneConcurrency | readonly OneConcurrency[];

/**
 * What a task is called, under which limits it runs, and its hooks.
 *
 * Units: `maxDuration` in seconds of execution, waits excluded; `ttl` a duration or seconds.
 */
export type CommonTaskOptions<TId extends string, TPayload, TOutput, TInit> = TaskHooks<
  TPayload,
  TOutput,
  TInit
> & {
  /** Unique within the project. */
  id: TId;
  description?: string;
  /** Does the work. What it returns is the output; what it throws fails the attempt. */
  run: (payload: TPayload, params: TaskRunParams<TInit>) => Promise<TOutput> | TOutput;
  retry?: RetryOptions & { outOfMemory?: { machine?: MachinePreset } };
  /** A name is needed only to share the queue between tasks. */
  queue?: Queue | Partial<Queue>;
  /** How many runs execute at once: in all, and for each `concurrencyKey`. */
  concurrency?: TaskConcurrency;
  machine?: MachinePreset | { preset: MachinePreset };
  /** Labels that an agent must have to take its runs, such as `{ gpu: "a100" }`; at most 8. */
  labels?: Record<string, string>;
  maxDuration?: number;
  ttl?: string | number;
  /**
   * Calls `onFailure` (global ones first) also for runs whose end no process could hear of: crashed, timed out, failed by
   * the system, expired, cancelled. That happens in a run of its own, `<id>/finaliser`, with three attempts.
   */
  finalise?: boolean;
  /** Former name of `catchError`. */
  handleError?: TaskHooks<TPayload, TOutput, TInit>["catchError"];
};

/** A task. */
export type TaskOptions<TId extends string, TPayload, TOutput, TInit = unknown> = CommonTaskOptions<
  TId,
  TPayload,
  TOutput,
  TInit
> & {
  /** Describes the payload to people and tools; it is not checked. A `schemaTask` checks. */
  jsonSchema?: Record<string, unknown>;
};
