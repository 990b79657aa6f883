import { systemClock } from "@longshore/shared/core/clock";

/**
 * Lets calls of one key follow each other in this process, first come, first served. One that takes longer than
 * `waitMsMax` is no longer waited for: this saves work, nothing depends on it.
 *
 * Units: milliseconds. Errors: those of the call; they reach its own caller alone.
 */
export const takeTurns = (waitMsMax: number) => {
  const lasts = new Map<string, Promise<void>>();
  return async <T>(key: string, call: () => Promise<T>): Promise<T> => {
    const before = lasts.get(key);
    const over = new AbortController();
    const turn = before && Promise.race([before, systemClock.sleep(waitMsMax, over.signal)]);
    const called = (turn ?? Promise.resolve()).then(() => {
      over.abort();
      return call();
    });
    const ended = called.then(
      () => undefined,
      () => undefined,
    );
    lasts.set(key, ended);
    try {
      return await called;
    } finally {
      if (lasts.get(key) === ended) lasts.delete(key);
    }
  };
};
