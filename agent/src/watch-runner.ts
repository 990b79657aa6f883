/** So many looks in a row must have found nothing new: a host that was suspended meanwhile misses one, whatever the clock says. */
const looksMax = 8;

/**
 * Notices a runner that says nothing, though it beats every few seconds while a run executes: a task may stop it, since both
 * have one user, and nobody else holds the run to its time.
 *
 * Shape: ends the watch. Units: `silentMs` milliseconds.
 */
export const watchRunner = (options: {
  silentMs: number;
  /** How often it was heard; null while it cannot be (it is frozen, or nobody listens yet). */
  heard(): number | null;
  onSilent(): void;
}): (() => void) => {
  let last: number | null = null;
  let looks = 0;
  const timer = setInterval(() => {
    const now = options.heard();
    looks = now !== null && now === last ? looks + 1 : 0;
    last = now;
    if (looks < looksMax) return;
    clearInterval(timer);
    options.onSilent();
  }, options.silentMs / looksMax).unref();
  return () => clearInterval(timer);
};
