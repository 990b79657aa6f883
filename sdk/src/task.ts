import { defineTask, type ErasedOptions } from "./define-task.ts";
import { type Task, taskHandle } from "./task-handle.ts";
import type { TaskOptions } from "./task-options.ts";

/** What hooks see that stand above a `run` of which nothing is known yet; there, a payload is narrowed or annotated. */
type KnownPayload<TInput, TNone = void> = [TInput] extends [TNone] ? unknown : TInput;

/**
 * Defines a task. It need not be exported to run, but only an exported one can be imported to trigger it.
 * Errors: TypeError that names the task and what is wrong with its options.
 */
export const task = <
  TId extends string,
  TInput = void,
  TOutput = unknown,
  TInit = unknown,
  THookInput = KnownPayload<TInput>,
  THookOutput = TOutput,
>(
  options: TaskOptions<TId, TInput, TOutput, TInit, THookInput, THookOutput>,
): Task<TId, TInput, TOutput> => {
  const { jsonSchema } = options;
  defineTask(options as unknown as ErasedOptions, {
    options: ["jsonSchema"],
    ...(jsonSchema === undefined ? {} : { describePayload: () => jsonSchema }),
  });
  return taskHandle<TId, TInput, TOutput>(options.id, { description: options.description });
};
