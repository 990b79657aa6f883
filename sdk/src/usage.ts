import { currentAttempt } from "./lifecycle/current-attempt.ts";

/** Units: milliseconds of execution; what it costs is always 0: the machines are your own. */
export type ComputeUsage = { costInCents: number; durationMs: number };
export type CurrentUsage = {
  /** This attempt so far, and the run with all its attempts; waits that gave the slot away do not count. */
  compute: { attempt: ComputeUsage; total: ComputeUsage };
  baseCostInCents: number;
  totalCostInCents: number;
};

const computed = (durationMs: number): ComputeUsage => ({
  costInCents: 0,
  durationMs: Math.round(durationMs),
});

const executedMs = (): number => {
  const attempt = currentAttempt();
  return attempt ? performance.now() - attempt.startedAtMs - attempt.waitedMs : performance.now();
};

/** What the run has used so far; zeros outside a task. */
const getCurrent = (): CurrentUsage => {
  const attempt = currentAttempt();
  const ms = attempt ? executedMs() : 0;
  const earlierMs = attempt?.context.run.durationMs ?? 0;
  return {
    compute: { attempt: computed(ms), total: computed(ms + earlierMs) },
    baseCostInCents: 0,
    totalCostInCents: 0,
  };
};

/** Runs `fn` and answers what it gave and used. Works outside a task too. */
const measure = async <T>(fn: () => Promise<T> | T): Promise<{ result: T; compute: ComputeUsage }> => {
  const sinceMs = executedMs();
  const result = await fn();
  return { result, compute: computed(executedMs() - sinceMs) };
};

export const usage = { getCurrent, measure };
