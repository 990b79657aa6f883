import { defaultRetryPolicy, type RetryPolicy, retryDelayMs } from "@longshore/shared/core/back-off";

/** How often a request is tried in all, and how long the pauses are. Units: milliseconds. */
export type RequestRetry = RetryPolicy;

/** Source: the client wire contract, 1.3. */
export const defaultRequestRetry: RequestRetry = {
  ...defaultRetryPolicy,
  maxAttempts: 5,
  factor: 1.6,
  minTimeoutInMs: 1_000,
  maxTimeoutInMs: 30_000,
  randomize: false,
};

/** Longest extra wait after a rate limit's reset, so that callers do not return all at once. Units: milliseconds. */
const resetSpreadMs = 1_000;

const mayRetry = (status: number, headers: Record<string, string>): boolean => {
  if (headers["x-should-retry"] === "true") return true;
  if (headers["x-should-retry"] === "false") return false;
  return status === 408 || status === 409 || status === 429 || status >= 500;
};

/**
 * The pause before an error answer is tried again; `null` when it is final.
 *
 * Units: milliseconds; `attempt` counts from 1; `x-ratelimit-reset` is Unix milliseconds.
 */
export const delayAfterStatus = (
  answer: { status: number; headers: Record<string, string> },
  attempt: number,
  retry: RequestRetry,
  clock: { now(): number },
  random: () => number,
): number | null => {
  const delayMs = retryDelayMs(retry, attempt, random);
  if (delayMs === null || !mayRetry(answer.status, answer.headers)) return null;
  const untilReset = untilResetMs(answer.headers, clock);
  return answer.status === 429 && untilReset > 0
    ? untilReset + Math.round(random() * resetSpreadMs)
    : delayMs;
};

/** Units: milliseconds; `retry-after` counts seconds. 0 or NaN when the answer does not say. */
const untilResetMs = (headers: Record<string, string>, clock: { now(): number }): number =>
  headers["x-ratelimit-reset"] === undefined
    ? Number(headers["retry-after"] ?? 0) * 1_000
    : Number(headers["x-ratelimit-reset"]) - clock.now();

/** The pause after no answer came, or one that could not be read. Units: milliseconds; `null` when none is left. */
export const delayAfterFault = (retry: RequestRetry, attempt: number, random: () => number): number | null =>
  retryDelayMs(retry, attempt, random);
