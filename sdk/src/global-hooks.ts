import { addGlobalHook, type HookFunction, type HookName, hookNames } from "./lifecycle/hooks.ts";

/** Sets a hook for every task; `name` is for the log. Call it at the top of a module, such as `init.ts`. */
export type SetGlobalHook<TName extends HookName> = {
  (fn: HookFunction<TName>): void;
  (name: string, fn: HookFunction<TName>): void;
};

type GlobalHooks = { [Name in HookName]: SetGlobalHook<Name> } & {
  /** Former name of `catchError`. */
  handleError: SetGlobalHook<"catchError">;
};

const setter = <TName extends HookName>(hook: TName): SetGlobalHook<TName> => {
  const set = (first: string | HookFunction<TName>, second?: HookFunction<TName>): void => {
    const fn = typeof first === "string" ? second : first;
    if (typeof fn !== "function") {
      throw new TypeError(`tasks.${hook} needs a function: tasks.${hook}(async ({ payload, ctx }) => { … })`);
    }
    addGlobalHook(hook, typeof first === "string" ? { name: first, fn } : { fn });
  };
  return set as SetGlobalHook<TName>;
};

/** Hooks that hold for every task of the project: part of `tasks`. */
export const globalHooks = {
  ...Object.fromEntries(hookNames.map((name) => [name, setter(name)])),
  handleError: setter("catchError"),
} as GlobalHooks;

// The names that the reference system gives them.
export type AnyOnStartHookFunction = HookFunction<"onStart">;
export type AnyOnStartAttemptHookFunction = HookFunction<"onStartAttempt">;
export type AnyOnSuccessHookFunction = HookFunction<"onSuccess">;
export type AnyOnFailureHookFunction = HookFunction<"onFailure">;
export type AnyOnCompleteHookFunction = HookFunction<"onComplete">;
export type AnyOnWaitHookFunction = HookFunction<"onWait">;
export type AnyOnResumeHookFunction = HookFunction<"onResume">;
export type AnyOnCancelHookFunction = HookFunction<"onCancel">;
export type AnyOnCatchErrorHookFunction = HookFunction<"catchError">;
export type AnyOnMiddlewareHookFunction = HookFunction<"middleware">;
