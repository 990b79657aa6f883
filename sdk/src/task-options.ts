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
 * The compiler goes through an object from top to bottom, and settles every type that a hook's parameters name before it
 * has seen a `run` further down. Hooks therefore have type parameters of their own, of which nothing is inferred: they take
 * what is known by then, and leave payload and output of the task to `run`.
 *
 * Units: `maxDuration` in seconds of execution, waits excluded; `ttl` a duration or seconds.
 */
export type CommonTaskOptions<
  TId extends string,
  TPayload,
  TOutput,
  TInit,
  THookPayload = TPayload,
  THookOutput = TOutput,
> = TaskHooks<NoInfer<THookPayload>, NoInfer<THookOutput>, TInit> & {
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
  handleError?: TaskHooks<NoInfer<THookPayload>, NoInfer<THookOutput>, TInit>["catchError"];
};

/** A task. */
export type TaskOptions<
  TId extends string,
  TPayload,
  TOutput,
  TInit = unknown,
  THookPayload = TPayload,
  THookOutput = TOutput,
> = CommonTaskOptions<TId, TPayload, TOutput, TInit, THookPayload, THookOutput> & {
  /** Describes the payload to people and tools; it is not checked. A `schemaTask` checks. */
  jsonSchema?: Record<string, unknown>;
};
