import type { Clock } from "@longshore/shared/core/clock";

/** One waiter that can be woken earlier than it planned. */
export const createAlarm = (clock: Clock) => {
  let dueAt = Number.POSITIVE_INFINITY;
  let rearm: AbortController | null = null;
  return {
    /** Due in `ms`, unless it is due earlier already. */
    set(ms: number): void {
      const at = clock.monotonic() + ms;
      if (at >= dueAt) return;
      dueAt = at;
      rearm?.abort();
    },
    /** Resolves when due (the alarm is then unset), or when the signal aborts. */
    async wait(signal: AbortSignal): Promise<void> {
      while (!signal.aborted) {
        const leftMs = dueAt - clock.monotonic();
        if (leftMs <= 0) {
          dueAt = Number.POSITIVE_INFINITY;
          return;
        }
        rearm = new AbortController();
        await clock.sleep(leftMs, AbortSignal.any([signal, rearm.signal]));
      }
    },
  };
};
