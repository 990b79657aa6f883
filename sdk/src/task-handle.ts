import { ambientApi } from "./configure.ts";
import {
  currentParent,
  type RunHandle,
  type TaskRunPromise,
  triggerTask,
  triggerTaskAndWait,
} from "./trigger.ts";
import type { TriggerAndWaitOptions, TriggerOptions } from "./trigger-options.ts";

/** Any task, whatever its payload and output. */
export type AnyTask = {
  readonly id: string;
  readonly "~types"?: { id: string; input: unknown; output: unknown };
};

/** A task as the rest of the code holds it. */
export type Task<TId extends string, TInput = void, TOutput = unknown> = {
  readonly id: TId;
  readonly description?: string;
  /** Triggers a run and answers at once. */
  trigger(payload: TInput, options?: TriggerOptions): Promise<RunHandle<TId, TInput, TOutput>>;
  /** Triggers a run and waits for its end; only inside a task. */
  triggerAndWait(payload: TInput, options?: TriggerAndWaitOptions): TaskRunPromise<TId, TOutput>;
  /** Carries the types only; never set. */
  readonly "~types"?: { id: TId; input: TInput; output: TOutput };
};

type Types<TTask extends AnyTask> = NonNullable<TTask["~types"]>;
/** The id of a task, as a type. */
export type TaskIdentifier<TTask extends AnyTask> = Types<TTask>["id"];
/** What a task receives. */
export type TaskPayload<TTask extends AnyTask> = Types<TTask>["input"];
/** What a task returns. */
export type TaskOutput<TTask extends AnyTask> = Types<TTask>["output"];

/** What a definition gives its handle beside the id. */
export type TaskHandleOptions = {
  description?: string | undefined;
  /** Checks a payload before it is sent, and answers what to send. Errors: a rejection refuses the trigger. */
  parsePayload?: ((payload: unknown) => Promise<unknown>) | undefined;
};

/** Makes what a definition answers: the id, the types, and every way to trigger the task. */
export const taskHandle = <TId extends string, TInput, TOutput>(
  id: TId,
  options: TaskHandleOptions = {},
): Task<TId, TInput, TOutput> => {
  const { description, parsePayload = async (payload: unknown) => payload } = options;
  return {
    id,
    ...(description === undefined ? {} : { description }),
    trigger: async (payload, triggerOptions) =>
      triggerTask<TId, TInput, TOutput>(
        ambientApi(),
        id,
        (await parsePayload(payload)) as TInput,
        triggerOptions,
        currentParent(),
      ),
    triggerAndWait: (payload, triggerOptions) =>
      triggerTaskAndWait(id, payload, triggerOptions, parsePayload),
  };
};
