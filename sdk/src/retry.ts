import { defaultRetryPolicy, type RetryPolicy, retryDelayMs } from "@longshore/shared/core/back-off";
import { systemClock } from "@longshore/shared/core/clock";
import { currentHost } from "./host.ts";
import { isAbortTaskRunError } from "./task-errors.ts";

type Backoff = { strategy: "backoff" } & Partial<RetryPolicy>;
/** Waits until the moment that the answer's own header names. */
type FromHeaders = {
  strategy: "headers";
  resetHeader: string;
  /** The last one is a duration from now, such as "1s", "6m0s" or "250ms". */
  resetFormat?: "unix_timestamp" | "unix_timestamp_in_ms" | "iso_8601" | "iso_8601_duration_openai_variant";
  /** What some services say beside it; not needed. */
  limitHeader?: string;
  remainingHeader?: string;
  maxAttempts?: number;
};

/** When `retry.fetch` tries again. Keys of `byStatus`: "429", "500-599", "5xx", or several with commas. */
export type FetchRetryOptions = {
  byStatus?: Record<string, Backoff | FromHeaders>;
  connectionError?: Partial<RetryPolicy>;
  /** After a try that took longer than `timeoutInMs`. */
  timeout?: Partial<RetryPolicy>;
};

/** What `retry.fetch` takes beside what `fetch` does. `timeoutInMs` bounds each try, until its headers are there. */
export type RetryFetchInit = RequestInit & { retry?: FetchRetryOptions; timeoutInMs?: number };

const defaultByStatus: Record<string, Backoff> = { "408,409,429,5xx": { strategy: "backoff" } };

const pause = async (ms: number): Promise<void> => {
  const signal = currentHost()?.signal;
  await systemClock.sleep(ms, signal);
  signal?.throwIfAborted();
};

const policyOf = (options: Partial<RetryPolicy> = {}): RetryPolicy => ({ ...defaultRetryPolicy, ...options });

/**
 * Runs `fn` again, in the same attempt, while it throws. Errors: the last error when no try is left; AbortTaskRunError
 * at once.
 */
const onThrow = async <T>(
  fn: (params: { attempt: number; maxAttempts: number }) => Promise<T>,
  options: Partial<RetryPolicy> = {},
): Promise<T> => {
  const policy = policyOf(options);
  for (let attempt = 1; ; attempt++) {
    try {
      return await fn({ attempt, maxAttempts: policy.maxAttempts });
    } catch (error) {
      const delayMs = retryDelayMs(policy, attempt, Math.random);
      if (delayMs === null || isAbortTaskRunError(error)) throw error;
      await pause(delayMs);
    }
  }
};

const statusMatches = (pattern: string, status: number): boolean =>
  pattern.split(",").some((part) => {
    const text = part.trim();
    if (/^\dxx$/i.test(text)) return Math.floor(status / 100) === Number(text[0]);
    const [from, to = from] = text.split("-").map(Number);
    return from !== undefined && to !== undefined && status >= from && status <= to;
  });

const unitMs: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

const durationMs = (text: string): number => {
  if (!/^(\d+(\.\d+)?(ms|[smhd]))+$/.test(text)) return Number.NaN;
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|[smhd])/g)];
  return parts.reduce((sum, [, count, unit = ""]) => sum + Number(count) * (unitMs[unit] ?? Number.NaN), 0);
};

const resetAtMs = (rule: FromHeaders, value: string): number => {
  if (rule.resetFormat === "iso_8601") return Date.parse(value);
  if (rule.resetFormat === "iso_8601_duration_openai_variant") return Date.now() + durationMs(value.trim());
  return Number(value) * (rule.resetFormat === "unix_timestamp_in_ms" ? 1 : 1_000);
};

const delayFor = (rule: Backoff | FromHeaders, response: Response, attempt: number): number | null => {
  if (rule.strategy === "backoff") return retryDelayMs(policyOf(rule), attempt, Math.random);
  if (attempt >= (rule.maxAttempts ?? defaultRetryPolicy.maxAttempts)) return null;
  const header = response.headers.get(rule.resetHeader);
  const untilReset = header === null ? Number.NaN : resetAtMs(rule, header) - Date.now();
  return Number.isNaN(untilReset) ? null : Math.max(0, untilReset);
};

/** One try, ended when its time is over. */
const fetchInTime = async (
  input: string | URL | Request,
  init: RequestInit,
  timeoutInMs: number | undefined,
): Promise<Response> => {
  if (timeoutInMs === undefined) return fetch(input, init);
  const late = new AbortController();
  const timer = setTimeout(
    () => late.abort(new DOMException(`No answer in ${timeoutInMs} ms`, "TimeoutError")),
    timeoutInMs,
  );
  const signal = init.signal ? AbortSignal.any([init.signal, late.signal]) : late.signal;
  try {
    return await fetch(input, { ...init, signal });
  } finally {
    clearTimeout(timer);
  }
};

const isTimeout = (error: unknown): boolean => error instanceof Error && error.name === "TimeoutError";

/**
 * `fetch` that tries again on lost connections, time-outs and the given statuses; answers the last response as it is.
 * Errors: what `fetch` throws when no try is left; at once when the caller's own signal aborts.
 */
const retryFetch = async (input: string | URL | Request, init: RetryFetchInit = {}): Promise<Response> => {
  const { retry: options = {}, timeoutInMs, ...rest } = init;
  const rules = Object.entries(options.byStatus ?? defaultByStatus);
  for (let attempt = 1; ; attempt++) {
    let delayMs: number | null;
    try {
      const response = await fetchInTime(input instanceof Request ? input.clone() : input, rest, timeoutInMs);
      const rule = rules.find(([pattern]) => statusMatches(pattern, response.status))?.[1];
      delayMs = rule ? delayFor(rule, response, attempt) : null;
      if (delayMs === null) return response;
      await response.body?.cancel();
    } catch (error) {
      const policy = policyOf(isTimeout(error) ? options.timeout : options.connectionError);
      delayMs = retryDelayMs(policy, attempt, Math.random);
      if (delayMs === null || rest.signal?.aborted) throw error;
    }
    await pause(delayMs);
  }
};

/** Retries of a part of a task, apart from the retry of the whole attempt. */
export const retry = { onThrow, fetch: retryFetch };
