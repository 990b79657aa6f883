import { defineTask, type ErasedOptions } from "./define-task.ts";
import { type Task, taskHandle } from "./task-handle.ts";
import type { TaskOptions } from "./task-options.ts";

/**
 * Defines a task. It need not be exported to run, but only an exported one can be imported to trigger it.
 * Errors: TypeError that names the task and what is wrong with its options.
 */
export const task = <TId extends string, TInput = void, TOutput = unknown, TInit = unknown>(
  options: TaskOptions<TId, TInput, TOutput, TInit>,
): Task<TId, TInput, TOutput> => {
  const { jsonSchema } = options;
  defineTask(options as unknown as ErasedOptions, {
    options: ["jsonSchema"],
    ...(jsonSchema === undefined ? {} : { describePayload: () => jsonSchema }),
  });
  return taskHandle<TId, TInput, TOutput>(options.id, { description: options.description });
};
