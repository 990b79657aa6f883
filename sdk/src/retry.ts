import { defaultRetryPolicy, type RetryPolicy, retryDelayMs } from "@longshore/shared/core/back-off";
import { systemClock } from "@longshore/shared/core/clock";
import { currentHost } from "./host.ts";
import { isAbortTaskRunError } from "./task-errors.ts";

type Backoff = { strategy: "backoff" } & Partial<RetryPolicy>;
/** Waits until the moment that the answer's own header names. */
type FromHeaders = {
  strategy: "headers";
  resetHeader: string;
  resetFormat?: "unix_timestamp" | "unix_timestamp_in_ms" | "iso_8601";
  maxAttempts?: number;
};

/** When `retry.fetch` tries again. Keys of `byStatus`: "429", "500-599", "5xx", or several with commas. */
export type FetchRetryOptions = {
  byStatus?: Record<string, Backoff | FromHeaders>;
  connectionError?: Partial<RetryPolicy>;
};

/** What `retry.fetch` takes beside what `fetch` does. */
export type RetryFetchInit = RequestInit & { retry?: FetchRetryOptions };

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

const resetAtMs = (rule: FromHeaders, value: string): number => {
  if (rule.resetFormat === "iso_8601") return Date.parse(value);
  return Number(value) * (rule.resetFormat === "unix_timestamp_in_ms" ? 1 : 1_000);
};

const delayFor = (rule: Backoff | FromHeaders, response: Response, attempt: number): number | null => {
  if (rule.strategy === "backoff") return retryDelayMs(policyOf(rule), attempt, Math.random);
  if (attempt >= (rule.maxAttempts ?? defaultRetryPolicy.maxAttempts)) return null;
  const header = response.headers.get(rule.resetHeader);
  const untilReset = header === null ? Number.NaN : resetAtMs(rule, header) - Date.now();
  return Number.isNaN(untilReset) ? null : Math.max(0, untilReset);
};

/** `fetch` that tries again on lost connections and on the given statuses; answers the last response as it is. */
const retryFetch = async (input: string | URL | Request, init: RetryFetchInit = {}): Promise<Response> => {
  const { retry: options = {}, ...rest } = init;
  const rules = Object.entries(options.byStatus ?? defaultByStatus);
  for (let attempt = 1; ; attempt++) {
    let delayMs: number | null;
    try {
      const response = await fetch(input instanceof Request ? input.clone() : input, rest);
      const rule = rules.find(([pattern]) => statusMatches(pattern, response.status))?.[1];
      delayMs = rule ? delayFor(rule, response, attempt) : null;
      if (delayMs === null) return response;
      await response.body?.cancel();
    } catch (error) {
      delayMs = retryDelayMs(policyOf(options.connectionError), attempt, Math.random);
      if (delayMs === null || rest.signal?.aborted) throw error;
    }
    await pause(delayMs);
  }
};

/** Retries of a part of a task, apart from the retry of the whole attempt. */
export const retry = { onThrow, fetch: retryFetch };
