import { type RegisteredTask, registerTask } from "./catalog.ts";
import { checkBounds } from "./concurrency-limit.ts";
import { currentHost } from "./host.ts";
import type { LifecycleTask } from "./lifecycle/call-hooks.ts";
import { hookNames, type TaskHooks } from "./lifecycle/hooks.ts";
import { runAttempt } from "./lifecycle/run-attempt.ts";
import { runFinaliser } from "./lifecycle/run-finaliser.ts";
import { warmUpPackets } from "./packets.ts";
import type { CommonTaskOptions, TaskConcurrency } from "./task-options.ts";

const unlimitedS = 0x7fff_ffff;

/** `maxDuration: timeout.None` takes the limit away; `timeout.signal` is the run's own, undefined outside a task. */
export const timeout = {
  None: unlimitedS,
  get signal(): AbortSignal | undefined {
    return currentHost()?.signal;
  },
} as const;

/** A task with the types of its payload and output erased. */
export type ErasedOptions = Omit<CommonTaskOptions<string, unknown, unknown, unknown>, "run"> & {
  run: LifecycleTask["run"];
};

/** What a kind of task adds to the common options. */
export type TaskKind = {
  /** Options that this kind knows beside the common ones. */
  options: readonly string[];
  parse?: LifecycleTask["parse"];
  describePayload?: RegisteredTask["describePayload"];
  schedule?: RegisteredTask["schedule"];
};

const common: ReadonlySet<string> = new Set<keyof ErasedOptions>([
  "id",
  "description",
  "run",
  "retry",
  "queue",
  "concurrency",
  "machine",
  "labels",
  "maxDuration",
  "ttl",
  "handleError",
  "finalise",
  ...hookNames,
]);

/** Code written for the reference system may use more than we know; leaving it out silently would be a trap. */
const warnOfUnsupported = (id: string, options: object, kind: TaskKind): void => {
  const unknown = Object.keys(options).filter((name) => !common.has(name) && !kind.options.includes(name));
  if (unknown.length > 0) console.warn(`task "${id}": not supported and ignored: ${unknown.join(", ")}`);
};

const checkTask = (options: ErasedOptions): void => {
  const { id, run } = options;
  if (typeof id !== "string" || id === "") {
    throw new TypeError('a task needs an id: task({ id: "send-email", run: async (payload) => { … } })');
  }
  if (typeof run !== "function") throw new TypeError(`task "${id}" needs a run function`);
  for (const name of [...hookNames, "handleError"] as const) {
    const hook = options[name];
    if (hook !== undefined && typeof hook !== "function")
      throw new TypeError(`task "${id}": ${name} must be a function`);
  }
};

const finaliserOf = (id: string): string => `${id}/finaliser`;

/** Longest id of a task, as the contract has it. */
const idLengthMax = 128;

const checkFinalise = ({ id, finalise }: ErasedOptions): void => {
  if (finalise === undefined) return;
  if (typeof finalise !== "boolean") throw new TypeError(`task "${id}": finalise must be true or false`);
  if (finalise && finaliserOf(id).length > idLengthMax)
    throw new TypeError(
      `task "${id}": with finalise its id has at most ${idLengthMax - finaliserOf("").length} characters`,
    );
};

/**
 * Registers the hidden task that calls `onFailure` for ends which the task's own process could not call it for. It has a
 * queue of its own, so that it need not wait behind what it reports of, and no time to live.
 */
const registerFinaliser = (task: LifecycleTask, { machine }: Pick<RegisteredTask, "machine">): void => {
  registerTask({
    id: finaliserOf(task.id),
    description: `Calls onFailure of "${task.id}" for runs that ended without their process.`,
    retry: { maxAttempts: 3 },
    ttl: 0,
    ...(machine === undefined ? {} : { machine }),
    execute: (input) => runFinaliser(task, input),
  });
};

/** The task's own bounds apart from the limits that it shares. */
const concurrencyOf = (
  id: string,
  concurrency: TaskConcurrency | undefined,
): Pick<RegisteredTask, "concurrency"> => {
  if (concurrency === undefined) return {};
  const all = Array.isArray(concurrency) ? concurrency : [concurrency];
  const isNamed = (one: (typeof all)[number]) => typeof one === "string" || "name" in one;
  const limits = all.filter(isNamed).map((one) => (typeof one === "string" ? one : one.name));
  const [inline, second] = all.filter((one) => !isNamed(one));
  if (second)
    throw new TypeError(`task "${id}": concurrency has two bounds of its own; put perKey and total into one`);
  if (limits.length > 2)
    throw new TypeError(`task "${id}": concurrency names ${limits.length} limits; 2 are the most`);
  if (inline) checkBounds(`task "${id}": concurrency`, inline);
  return { concurrency: { ...(inline ? { inline } : {}), ...(limits.length > 0 ? { limits } : {}) } };
};

const queueOf = (id: string, queue: ErasedOptions["queue"]): Pick<RegisteredTask, "queue"> => {
  if (queue === undefined) return {};
  const { name = `task/${id}`, concurrencyLimit, policy } = queue;
  return {
    queue: {
      name,
      ...(concurrencyLimit === undefined ? {} : { concurrencyLimit }),
      ...(policy === undefined ? {} : { policy }),
    },
  };
};

const settingsOf = (options: ErasedOptions) => {
  const { id, description, retry, machine, labels, maxDuration, ttl } = options;
  return {
    id,
    ...(description === undefined ? {} : { description }),
    ...(retry === undefined ? {} : { retry }),
    ...queueOf(id, options.queue),
    ...concurrencyOf(id, options.concurrency),
    ...(machine === undefined ? {} : { machine: typeof machine === "string" ? machine : machine.preset }),
    ...(labels === undefined ? {} : { labels }),
    ...(maxDuration === undefined ? {} : { maxDuration: maxDuration >= unlimitedS ? null : maxDuration }),
    ...(ttl === undefined ? {} : { ttl }),
  };
};

const hooksIn = (options: ErasedOptions): TaskHooks => {
  const { catchError, handleError } = options;
  const given = Object.fromEntries(
    hookNames.flatMap((name) => (options[name] === undefined ? [] : [[name, options[name]]])),
  );
  if (!handleError) return given;
  if (!catchError) return { ...given, catchError: handleError };
  // Both names at once: the newer one is asked first.
  return {
    ...given,
    catchError: async (params) => (await catchError(params)) || (await handleError(params)) || undefined,
  };
};

/**
 * Registers a task of any kind: its settings for the indexer, its life cycle for the executor.
 * Errors: TypeError that names the task and what is wrong with its options.
 */
export const defineTask = (options: ErasedOptions, kind: TaskKind): void => {
  checkTask(options);
  checkFinalise(options);
  warnOfUnsupported(options.id, options, kind);
  const { id, retry, run } = options;
  const { parse, describePayload, schedule } = kind;
  const task: LifecycleTask = { id, retry, run, hooks: hooksIn(options), ...(parse ? { parse } : {}) };
  const settings = settingsOf(options);
  if (options.finalise) registerFinaliser(task, settings);
  registerTask({
    ...settings,
    ...(options.finalise ? { finaliser: finaliserOf(id) } : {}),
    ...(schedule ? { schedule } : {}),
    ...(describePayload ? { describePayload } : {}),
    warmUp: warmUpPackets,
    execute: (input) => runAttempt(task, input),
  });
};
