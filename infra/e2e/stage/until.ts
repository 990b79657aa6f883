import { setTimeout as sleep } from "node:timers/promises";

const lookMs = 50;

/**
 * Looks again and again until there is an answer.
 *
 * Shape: the first answer that is not null, undefined or false. Errors: after `withinMs`, with `what` and what `saw`
 * says. Units: milliseconds.
 */
export const until = async <T>(
  what: string,
  look: () => Promise<T | null | undefined | false> | T | null | undefined | false,
  { withinMs = 30_000, saw }: { withinMs?: number; saw?: () => unknown } = {},
): Promise<T> => {
  for (const endAtMs = performance.now() + withinMs; ; ) {
    const found = await look();
    if (found !== null && found !== undefined && found !== false) return found;
    if (performance.now() > endAtMs) {
      const seen = saw ? `; seen: ${JSON.stringify(await saw())}` : "";
      throw new Error(`not within ${withinMs / 1_000} s: ${what}${seen}`);
    }
    await sleep(lookMs);
  }
};
