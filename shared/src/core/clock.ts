/** Time as a module sees it, so that tests can own it. Units: milliseconds. */
export type Clock = {
  /** Wall clock, Unix epoch. */
  now(): number;
  /** Monotonic, from an arbitrary origin: the only clock that may measure a lease. */
  monotonic(): number;
  /** Resolves after `ms`, or as soon as the signal aborts; never rejects. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
};

/** Longest delay that timers take without wrapping round. */
const timerMaxMs = 2_147_483_647;

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const done = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, Math.min(Math.max(0, ms), timerMaxMs));
      signal?.addEventListener("abort", done, { once: true });
    }),
};
