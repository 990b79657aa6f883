import { currentAttempt } from "./lifecycle/current-attempt.ts";

/**
 * Keeps the attempt open until a promise settles, though `run` has returned: at most 10 minutes after the last hook. What
 * it rejects with is logged. Outside a task it does nothing.
 */
export const waitUntil = (promise: Promise<unknown>): void => {
  const attempt = currentAttempt();
  if (!attempt) return;
  const settled: Promise<unknown> = Promise.resolve(promise)
    .catch((error: unknown) => console.error("waitUntil: a promise was rejected:", error))
    .finally(() => attempt.pending.delete(settled));
  attempt.pending.add(settled);
};
