import type { Clock } from "@longshore/shared/core/clock";
import type { Egress } from "../core/egress.ts";
import type { Logger } from "../ports/logger.ts";
import { whyNoEgressMark } from "./egress-mark.ts";
import { filterEgress } from "./firewall.ts";

/** How often rules are looked at again: a reload of the host's firewall drops them. Units: milliseconds. */
const mendMs = 60_000;
/** How long an answer holds: many containers may be made at once. Units: milliseconds. */
const answerMs = 3_000;

/**
 * Sees to it that the rules of an open network stay, by itself or by the helper that writes the mark.
 *
 * Shape: a function to be asked before each container is made: why it must not be on that network; null when it may.
 * Errors: none thrown. Cost: reading a file every few seconds; where this process sets the rules, nothing until that fails.
 */
export const watchEgress = (
  egress: Egress,
  given: { markPath: string | undefined; logger: Logger; clock: Clock; signal: AbortSignal },
): (() => Promise<string | null>) => {
  const { markPath, logger, clock, signal } = given;
  let why: string | null = null;
  let answeredAtMs = clock.monotonic();
  let looking: Promise<void> | null = null;

  const setAgain = async (): Promise<string | null> => {
    const set = await filterEgress(egress);
    if (set.kind === "unable") return set.why;
    if (set.changed) logger.warn("the rules for containers had been removed and are set again");
    return null;
  };
  const look = async (): Promise<void> => {
    const before = why;
    why =
      markPath === undefined ? await setAgain() : await whyNoEgressMark(markPath, egress.bridge, clock.now());
    answeredAtMs = clock.monotonic();
    if (why !== null && before === null)
      logger.error("no containers are made until the rules for them are set again", { why });
    if (why === null && before !== null) logger.info("the rules for containers are set again");
  };
  const lookOnce = (): Promise<void> => {
    looking ??= look().finally(() => {
      looking = null;
    });
    return looking;
  };
  const mend = async (): Promise<void> => {
    for (;;) {
      await clock.sleep(mendMs, signal);
      if (signal.aborted) return;
      await lookOnce();
    }
  };
  if (markPath === undefined) void mend();
  return async () => {
    const mayHaveChanged = markPath !== undefined || why !== null;
    if (mayHaveChanged && clock.monotonic() - answeredAtMs >= answerMs) await lookOnce();
    return why;
  };
};
