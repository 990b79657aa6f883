import { ambientApi } from "./configure.ts";
import { globalHooks } from "./global-hooks.ts";
import type { Api } from "./http/api.ts";
import type { AnyTask, TaskIdentifier, TaskOutput, TaskPayload } from "./task-handle.ts";
import {
  currentParent,
  type RunHandle,
  type TaskRunPromise,
  triggerTask,
  triggerTaskAndWait,
} from "./trigger.ts";
import type { TriggerAndWaitOptions, TriggerOptions } from "./trigger-options.ts";

/** The tasks of an environment, by id. */
export type TasksClient = {
  /** Triggers a task whose code is elsewhere: `tasks.trigger<typeof myTask>("my-task", payload)`. */
  trigger<TTask extends AnyTask>(
    id: TaskIdentifier<TTask>,
    payload: TaskPayload<TTask>,
    options?: TriggerOptions,
  ): Promise<RunHandle<TaskIdentifier<TTask>, TaskPayload<TTask>, TaskOutput<TTask>>>;
};

/** Binds the noun to an API. `parent` answers the run that its triggers belong to. */
export const tasksOf = (api: () => Api, parent: () => { parentRunId?: string }): TasksClient => ({
  trigger: async (id, payload, options) => triggerTask(api(), id, payload, options, parent()),
});

const triggerAndWait = <TTask extends AnyTask>(
  id: TaskIdentifier<TTask>,
  payload: TaskPayload<TTask>,
  options?: TriggerAndWaitOptions,
): TaskRunPromise<TaskIdentifier<TTask>, TaskOutput<TTask>> => triggerTaskAndWait(id, payload, options);

/** Triggers tasks by id, and sets hooks for all of them. `triggerAndWait` works only inside a task. */
export const tasks = { ...tasksOf(ambientApi, currentParent), triggerAndWait, ...globalHooks };
