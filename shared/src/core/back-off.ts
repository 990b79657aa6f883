/** How a failed attempt is tried again. Units: milliseconds. */
export type RetryPolicy = {
  maxAttempts: number;
  factor: number;
  minTimeoutInMs: number;
  maxTimeoutInMs: number;
  randomize: boolean;
};

export const defaultRetryPolicy: RetryPolicy = {
  maxAttempts: 3,
  factor: 2,
  minTimeoutInMs: 1_000,
  maxTimeoutInMs: 60_000,
  randomize: true,
};

/**
 * The pause before the attempt after `attempt` (the first attempt is 1): `min(max, spread · min · factor^(attempt − 1))`,
 * with spread in [1, 2) when randomised.
 *
 * Units: milliseconds; `null` when no attempt is left.
 */
export const retryDelayMs = (policy: RetryPolicy, attempt: number, random: () => number): number | null => {
  if (attempt >= policy.maxAttempts) return null;
  const spread = policy.randomize ? 1 + random() : 1;
  return Math.round(
    Math.min(policy.maxTimeoutInMs, spread * policy.minTimeoutInMs * policy.factor ** (attempt - 1)),
  );
};

/**
 * Exponential pause with full jitter for a loop that talks to a peer: a random part of `min(maxMs, minMs · 2^failures)`,
 * never under half of it. Units: milliseconds; `failures` counts from 0.
 */
export const reconnectDelayMs = (
  failures: number,
  limits: { minMs: number; maxMs: number },
  random: () => number,
): number => {
  const ceiling = Math.min(limits.maxMs, limits.minMs * 2 ** Math.min(failures, 30));
  return Math.round(ceiling * (0.5 + random() / 2));
};
