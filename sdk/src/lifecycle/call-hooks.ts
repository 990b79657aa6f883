import type { WaitSpec } from "@longshore/shared/contract/agent-protocol";
import type { Attempt } from "./attempts.ts";
import type { Context } from "./context.ts";
import { globalHooksOf, type HookFunction, type HookName, type TaskHooks, type TaskWait } from "./hooks.ts";

/** A task as its life cycle sees it, its types erased. */
export type LifecycleTask = {
  id: string;
  retry?: { outOfMemory?: { machine?: string | undefined } | undefined } | undefined;
  /** Checks and transforms the payload. Errors: a rejection fails the run. */
  parse?: (payload: unknown) => Promise<unknown>;
  run: (payload: unknown, params: { ctx: Context; signal: AbortSignal; init: unknown }) => unknown;
  hooks: TaskHooks;
};

/** One attempt in progress. */
export type RunningAttempt = {
  task: LifecycleTask;
  attempt: Attempt;
  payload: unknown;
  ctx: Context;
  signal: AbortSignal;
  init: unknown;
};

/** Most time that a hook gets which the run's end waits for. Units: milliseconds. */
const hookMsMax = 30_000;
const limited: ReadonlySet<HookName> = new Set(["onFailure", "onWait", "onResume", "onCancel", "cleanup"]);

export const paramsOf = ({ task, payload, ctx, signal, init }: RunningAttempt) => ({
  payload,
  ctx,
  signal,
  task: task.id,
  init,
});

type NamedHook<TName extends HookName> = { label: string; fn: HookFunction<TName> };

/** The hooks of that name, global ones first. `label` is for the log. */
export const hooksOf = <TName extends HookName>(running: RunningAttempt, name: TName): NamedHook<TName>[] => {
  const own = running.task.hooks[name];
  return [
    ...globalHooksOf(name).map((hook) => ({
      label: hook.name === undefined ? name : `${name} "${hook.name}"`,
      fn: hook.fn,
    })),
    ...(own ? [{ label: name, fn: own as HookFunction<TName> }] : []),
  ];
};

type ExtraParams<TName extends HookName> = Omit<
  Parameters<HookFunction<TName>>[0],
  keyof ReturnType<typeof paramsOf>
>;

const call = async <TName extends HookName>(
  running: RunningAttempt,
  { fn }: NamedHook<TName>,
  extra: ExtraParams<TName>,
): Promise<unknown> => (fn as (params: object) => unknown)({ ...paramsOf(running), ...extra });

/** Errors: rejects with what the first hook throws; those after it are not called. */
export const callHooks = async <TName extends HookName>(
  running: RunningAttempt,
  name: TName,
  extra: ExtraParams<TName>,
): Promise<void> => {
  for (const hook of hooksOf(running, name)) await call(running, hook, extra);
};

const inTime = async (label: string, work: Promise<unknown>): Promise<void> => {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(() => {
      console.error(`${label} took longer than ${hookMsMax / 1_000} s and is not waited for any more.`);
      resolve();
    }, hookMsMax);
  });
  await Promise.race([work, late]).finally(() => clearTimeout(timer));
};

/** Calls every hook of that name. What one throws is logged; some get 30 seconds and are then left behind. */
export const tellHooks = async <TName extends HookName>(
  running: RunningAttempt,
  name: TName,
  extra: ExtraParams<TName>,
): Promise<void> => {
  for (const hook of hooksOf(running, name)) {
    const work = call(running, hook, extra).catch((error: unknown) =>
      console.error(`${hook.label} failed:`, error),
    );
    await (limited.has(name) ? inTime(hook.label, work) : work);
  }
};

const isObject = (value: unknown): value is object =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** What the `init` hooks answer, merged; what is no object adds nothing. Errors: as `callHooks`. */
export const callInit = async (running: RunningAttempt): Promise<object> => {
  const merged = {};
  for (const hook of hooksOf(running, "init")) {
    const answer = await call(running, hook, {});
    if (isObject(answer)) Object.assign(merged, answer);
  }
  return merged;
};

const toTaskWait = (spec: WaitSpec): TaskWait => {
  switch (spec.kind) {
    case "time":
      return { type: "duration", date: new Date(spec.at) };
    case "token":
      return { type: "token", token: spec.id };
    case "run":
      return { type: "task", runId: spec.runId };
    case "batch":
      return { type: "batch", batchId: spec.batchId };
  }
};

/** Tells `onWait` or `onResume` of each wait point. */
export const tellWaits = async (
  running: RunningAttempt,
  name: "onWait" | "onResume",
  specs: WaitSpec[],
): Promise<void> => {
  for (const spec of specs) await tellHooks(running, name, { wait: toTaskWait(spec) });
};
