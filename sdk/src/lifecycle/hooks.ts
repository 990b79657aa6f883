import type { ManifestTask } from "@longshore/shared/contract/manifest";
import type { Context } from "./context.ts";

/** How failed attempts are tried again. Units: milliseconds; `maxAttempts` counts the first one too. */
export type RetryOptions = NonNullable<ManifestTask["retry"]>;

/** What `run` receives beside the payload. `signal` aborts when the run is cancelled or its time is over. */
export type TaskRunParams<TInit = unknown> = {
  ctx: Context;
  signal: AbortSignal;
  /** What the `init` hooks answered, merged. */
  init: TInit;
};

/** What every hook receives; `init` is there once the `init` hooks have run. */
export type HookParams<TPayload = unknown, TInit = unknown> = {
  payload: TPayload;
  ctx: Context;
  signal: AbortSignal;
  /** The id of the task. */
  task: string;
  init?: TInit;
};

/** What hooks receive that are called before `init` has answered; its type is not named here, so that it can be inferred. */
type EarlyHookParams<TPayload> = Omit<HookParams<TPayload>, "init">;

/** What a run waits for outside its slot. */
export type TaskWait =
  | { type: "duration"; date: Date }
  | { type: "token"; token: string }
  | { type: "task"; runId: string }
  | { type: "batch"; batchId: string };

/** How an attempt ended, as `onComplete` hears it. */
export type TaskCompleteResult<TOutput = unknown> =
  | { ok: true; data: TOutput }
  | { ok: false; error: unknown };

/** What a `catchError` hook may answer; nothing leaves the decision to the next one, and then to the retry policy. */
export type CatchErrorResult = {
  /** Fails the run now. */
  skipRetrying?: boolean;
  /** When to try again. */
  retryAt?: Date;
  /** After how long to try again. Units: milliseconds. */
  retryDelayInMs?: number;
  /** A policy to try again by. */
  retry?: RetryOptions;
  /** What the attempt failed with, instead of what was thrown. */
  error?: unknown;
};

type Answer<T> = T | Promise<T>;

/** The hooks of a task. Global ones run before its own, except for `catchError`. */
export type TaskHooks<TPayload = unknown, TOutput = unknown, TInit = unknown> = {
  /** Surrounds the attempt with all its other hooks; must call `next()` once. Errors: a throw fails the attempt. */
  middleware?: (params: EarlyHookParams<TPayload> & { next: () => Promise<void> }) => Answer<unknown>;
  /** Before everything else; what it answers is `init` elsewhere. Errors: a throw fails the attempt. Prefer middleware. */
  init?: (params: EarlyHookParams<TPayload>) => Answer<TInit>;
  /** Before the first attempt only. Errors: a throw fails the attempt. */
  onStart?: (params: HookParams<TPayload, TInit>) => unknown;
  /** Before each attempt. Errors: a throw fails the attempt. */
  onStartAttempt?: (params: HookParams<TPayload, TInit>) => unknown;
  /** After a successful run. What it throws is logged and changes nothing, as for all that follow. */
  onSuccess?: (params: HookParams<TPayload, TInit> & { output: TOutput }) => unknown;
  /** After an attempt that failed and that none follows; 30 seconds at most. */
  onFailure?: (params: HookParams<TPayload, TInit> & { error: unknown }) => unknown;
  /** After `onSuccess` or `onFailure`. */
  onComplete?: (params: HookParams<TPayload, TInit> & { result: TaskCompleteResult<TOutput> }) => unknown;
  /** Before a wait that gives the slot away; 30 seconds at most. */
  onWait?: (params: HookParams<TPayload, TInit> & { wait: TaskWait }) => unknown;
  /** After such a wait; 30 seconds at most. */
  onResume?: (params: HookParams<TPayload, TInit> & { wait: TaskWait }) => unknown;
  /** When the run is cancelled while it executes, beside `run`; `runPromise` settles when that ends. */
  onCancel?: (params: HookParams<TPayload, TInit> & { runPromise: Promise<TOutput> }) => unknown;
  /** After a throw: decides how to go on. Errors: a throw fails the run without another attempt. */
  catchError?: (
    params: HookParams<TPayload, TInit> & {
      error: unknown;
      retry?: RetryOptions;
      /** What happens without an answer; absent when no attempt is left. */
      retryAt?: Date;
      retryDelayInMs?: number;
    },
  ) => Answer<CatchErrorResult | null | undefined> | Promise<void>;
  /** After each attempt; 30 seconds at most. Prefer middleware. */
  cleanup?: (params: HookParams<TPayload, TInit>) => unknown;
};

/** The names of the hooks that may be set for a task or for all. */
export const hookNames = [
  "middleware",
  "init",
  "onStart",
  "onStartAttempt",
  "onSuccess",
  "onFailure",
  "onComplete",
  "onWait",
  "onResume",
  "onCancel",
  "catchError",
  "cleanup",
] as const satisfies readonly (keyof TaskHooks)[];
export type HookName = (typeof hookNames)[number];

/** A hook with the types of its task erased. */
export type HookFunction<TName extends HookName> = NonNullable<TaskHooks[TName]>;
/** A hook that holds for every task; the name is for its log lines. */
export type GlobalHook<TName extends HookName> = { name?: string; fn: HookFunction<TName> };

type Registry = { [Name in HookName]?: GlobalHook<Name>[] };
const key = Symbol.for("longshore.hooks.1");

const registry = (): Registry => {
  const holder = globalThis as { [key]?: Registry };
  holder[key] ??= {};
  return holder[key];
};

/** Sets a hook for every task of the process, after those that are set already. */
export const addGlobalHook = <TName extends HookName>(name: TName, hook: GlobalHook<TName>): void => {
  const hooks: GlobalHook<TName>[] = registry()[name] ?? [];
  registry()[name] = [...hooks, hook] as Registry[TName];
};

/** In the order in which they were set. */
export const globalHooksOf = <TName extends HookName>(name: TName): readonly GlobalHook<TName>[] =>
  registry()[name] ?? [];
