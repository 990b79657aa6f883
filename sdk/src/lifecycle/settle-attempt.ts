import { systemClock } from "@longshore/shared/core/clock";
import type { Attempt } from "./attempts.ts";

/** Most time that promises of `waitUntil` get after the run. Units: milliseconds. */
const waitUntilMsMax = 10 * 60_000;

/** Waits for what `waitUntil` was given. Never rejects. */
export const settlePending = async (attempt: Attempt, signal: AbortSignal): Promise<void> => {
  const endsAtMs = performance.now() + waitUntilMsMax;
  while (attempt.pending.size > 0 && !signal.aborted) {
    const leftMs = endsAtMs - performance.now();
    if (leftMs <= 0) {
      console.error(
        `waitUntil: ${attempt.pending.size} promises took longer than 10 minutes and are left behind.`,
      );
      return;
    }
    const given = [...attempt.pending];
    const isLate = new AbortController();
    const late = systemClock.sleep(leftMs, AbortSignal.any([signal, isLate.signal]));
    await Promise.race([Promise.allSettled(given), late]).finally(() => isLate.abort());
  }
};

/** Sends what was gathered for the API. Never rejects. */
export const flushAttempt = async (attempt: Attempt): Promise<void> => {
  for (const send of attempt.flushes) {
    await send().catch((error: unknown) => console.error("What the run reported could not be sent:", error));
  }
};
