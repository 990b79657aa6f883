import type { MachinePreset } from "@longshore/shared/contract/machines";
import type { ManifestTask } from "@longshore/shared/contract/manifest";
import type { RunContext } from "@longshore/shared/contract/run-context";
import { type RegisteredTask, registerTask } from "./catalog.ts";
import type { Queue } from "./queue.ts";
import { type Task, taskHandle } from "./task-handle.ts";

/** `ctx` as a task receives it. */
export type Context = RunContext;

/** How failed attempts are tried again. Units: milliseconds; `maxAttempts` counts the first one too. */
export type RetryOptions = NonNullable<ManifestTask["retry"]>;

/** What `run` receives beside the payload. `signal` aborts when the run is cancelled or its time is over. */
export type TaskRunParams = { ctx: Context; signal: AbortSignal };

type HookParams<TInput> = TaskRunParams & { payload: TInput; task: string };

/**
 * A task: what it is called, what it does, and under which limits.
 *
 * Units: `maxDuration` in seconds of execution, waits excluded; `ttl` a duration or seconds.
 */
export type TaskOptions<TId extends string, TInput, TOutput> = {
  /** Unique within the project. */
  id: TId;
  description?: string;
  run: (payload: TInput, params: TaskRunParams) => Promise<TOutput> | TOutput;
  retry?: RetryOptions & { outOfMemory?: { machine?: MachinePreset } };
  /** A name is needed only to share the queue between tasks. */
  queue?: Queue | { concurrencyLimit?: number };
  machine?: MachinePreset | { preset: MachinePreset };
  maxDuration?: number;
  ttl?: string | number;
  /** Before the first attempt. Errors: a throw fails the attempt. */
  onStart?: (params: HookParams<TInput>) => unknown;
  /** After a successful run; what it throws is logged and changes nothing. */
  onSuccess?: (params: HookParams<TInput> & { output: TOutput }) => unknown;
  /** After the last attempt failed; what it throws is logged and changes nothing. */
  onFailure?: (params: HookParams<TInput> & { error: unknown }) => unknown;
};

const unlimitedS = 0x7fff_ffff;

/** `maxDuration: timeout.None` takes the limit away. */
export const timeout = { None: unlimitedS } as const;

const supported: ReadonlySet<string> = new Set<keyof TaskOptions<string, unknown, unknown>>([
  "id",
  "description",
  "run",
  "retry",
  "queue",
  "machine",
  "maxDuration",
  "ttl",
  "onStart",
  "onSuccess",
  "onFailure",
]);

/** Code written for the reference system may use more than we know; leaving it out silently would be a trap. */
const warnOfUnsupported = (id: string, options: object): void => {
  const unknown = Object.keys(options).filter((name) => !supported.has(name));
  if (unknown.length > 0) console.warn(`task "${id}": not supported and ignored: ${unknown.join(", ")}`);
};

const settingsOf = <TId extends string, TInput, TOutput>(options: TaskOptions<TId, TInput, TOutput>) => {
  const { description, retry, queue, machine, maxDuration, ttl } = options;
  return {
    ...(description === undefined ? {} : { description }),
    ...(retry === undefined ? {} : { retry }),
    ...(queue === undefined ? {} : { queue: { name: `task/${options.id}`, ...queue } }),
    ...(machine === undefined ? {} : { machine: typeof machine === "string" ? machine : machine.preset }),
    ...(maxDuration === undefined ? {} : { maxDuration: maxDuration >= unlimitedS ? null : maxDuration }),
    ...(ttl === undefined ? {} : { ttl }),
  };
};

const eraseTypes = <TId extends string, TInput, TOutput>(
  options: TaskOptions<TId, TInput, TOutput>,
): RegisteredTask => {
  const { id, run, onStart, onSuccess, onFailure } = options;
  const hook = (payload: unknown, params: TaskRunParams) => ({
    ...params,
    payload: payload as TInput,
    task: id,
  });
  return {
    id,
    ...settingsOf(options),
    run: (payload, params) => run(payload as TInput, params),
    ...(onStart && { onStart: (payload, params) => onStart(hook(payload, params)) }),
    ...(onSuccess && {
      onSuccess: (payload, output, params) =>
        onSuccess({ ...hook(payload, params), output: output as TOutput }),
    }),
    ...(onFailure && {
      onFailure: (payload, error, params) => onFailure({ ...hook(payload, params), error }),
    }),
  };
};

/** Defines a task. It need not be exported to run, but only an exported one can be imported to trigger it. */
export const task = <TId extends string, TInput = void, TOutput = unknown>(
  options: TaskOptions<TId, TInput, TOutput>,
): Task<TId, TInput, TOutput> => {
  warnOfUnsupported(options.id, options);
  registerTask(eraseTypes(options));
  return taskHandle<TId, TInput, TOutput>(options.id, { description: options.description });
};
