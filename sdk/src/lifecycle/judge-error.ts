import { defaultRetryPolicy, type RetryPolicy, retryDelayMs } from "@longshore/shared/core/back-off";
import {
  isAbortTaskRunError,
  isConcurrentWaitError,
  isOutOfMemoryError,
  isTaskPayloadParsedError,
} from "../task-errors.ts";
import { hooksOf, paramsOf, type RunningAttempt } from "./call-hooks.ts";
import { type CatchErrorResult, globalHooksOf, type RetryOptions } from "./hooks.ts";

/** What becomes of a run whose attempt threw. `delayMs`: instead of the policy's own pause. */
export type Verdict = { willRetry: boolean; error: unknown; delayMs?: number };

/** What the policy says when no hook says anything else. Units: milliseconds; null = no attempt is left. */
type Default = { retry: RetryOptions; delayMs: number | null; isFromServer: boolean };

type ApiErrorLike = { status?: unknown; millisecondsUntilReset?: unknown };
/** By name, as other copies of the SDK throw it too. */
const asApiError = (error: unknown): ApiErrorLike | null =>
  error instanceof Error && error.name === "TriggerApiError" ? (error as ApiErrorLike) : null;

/** The API refused something for good: asking again would end the same. */
const isRefused = (error: unknown): boolean => {
  const status = asApiError(error)?.status;
  return typeof status === "number" && status >= 400 && status < 500 && status !== 408 && status !== 429;
};

const policyOf = ({ task, ctx }: RunningAttempt, over: RetryOptions = {}): RetryPolicy => {
  const { outOfMemory: _own, ...own } = (task.retry ?? {}) as RetryOptions;
  const { outOfMemory: _over, ...more } = over;
  const locked = ctx.run.maxAttempts === undefined ? {} : { maxAttempts: ctx.run.maxAttempts };
  const given = { ...own, ...locked, ...more };
  const present = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  return { ...defaultRetryPolicy, ...present };
};

const defaultOf = (running: RunningAttempt, error: unknown): Default => {
  const policy = policyOf(running);
  const delayMs = retryDelayMs(policy, running.ctx.attempt.number, Math.random);
  const api = asApiError(error);
  const resetMs = api?.status === 429 ? api.millisecondsUntilReset : undefined;
  return delayMs !== null && typeof resetMs === "number"
    ? { retry: policy, delayMs: resetMs, isFromServer: true }
    : { retry: policy, delayMs, isFromServer: false };
};

const untilMs = (retryAt: unknown): number => {
  const atMs = new Date(retryAt as Date).getTime();
  if (Number.isNaN(atMs)) throw new TypeError("catchError answered a retryAt that is no date");
  return Math.max(0, atMs - Date.now());
};

const delayIn = (result: CatchErrorResult, running: RunningAttempt, byDefault: Default): number | null => {
  if (result.retryAt !== undefined) return untilMs(result.retryAt);
  if (typeof result.retryDelayInMs === "number") return Math.max(0, result.retryDelayInMs);
  if (!result.retry) return byDefault.delayMs;
  return retryDelayMs(policyOf(running, result.retry), running.ctx.attempt.number, Math.random);
};

const askHooks = async (
  running: RunningAttempt,
  error: unknown,
  { retry, delayMs }: Default,
): Promise<CatchErrorResult | null> => {
  const next = delayMs === null ? {} : { retryDelayInMs: delayMs, retryAt: new Date(Date.now() + delayMs) };
  const own = hooksOf(running, "catchError").slice(globalHooksOf("catchError").length);
  for (const { fn } of [...own, ...globalHooksOf("catchError")]) {
    const result = await fn({ ...paramsOf(running), error, retry, ...next });
    if (result) return result;
  }
  return null;
};

/** The machine that follows one with too little memory is the API's to choose; it follows once, if it is another one. */
const hasLargerMachine = ({ task, ctx }: RunningAttempt): boolean => {
  const larger = task.retry?.outOfMemory?.machine;
  return larger !== undefined && larger !== ctx.machine?.name;
};

/**
 * Decides after a throw: some errors are final by themselves; else the first `catchError` hook that answers, the task's
 * own before the global ones; else the retry policy. No answer gives a run more attempts than it has.
 *
 * Errors: rejects with what a hook throws.
 */
export const judgeError = async (running: RunningAttempt, error: unknown): Promise<Verdict> => {
  const isFinal =
    running.attempt.didConcurrentWait ||
    isConcurrentWaitError(error) ||
    isAbortTaskRunError(error) ||
    isTaskPayloadParsedError(error) ||
    isRefused(error);
  if (isFinal) return { willRetry: false, error };
  const byDefault = defaultOf(running, error);
  const result = await askHooks(running, error, byDefault);
  const final = result?.error ?? error;
  if (isOutOfMemoryError(final)) return { willRetry: hasLargerMachine(running), error: final };
  if (result?.skipRetrying) return { willRetry: false, error: final };
  const delayMs = result ? delayIn(result, running, byDefault) : byDefault.delayMs;
  // What a hook answers cannot give more attempts than the run has.
  if (delayMs === null || byDefault.delayMs === null) return { willRetry: false, error: final };
  // Left alone, the API's own policy sets the pause: it also knows the project's defaults.
  const isOwnPause = byDefault.isFromServer || delayMs !== byDefault.delayMs;
  return { willRetry: true, error: final, ...(isOwnPause ? { delayMs } : {}) };
};
