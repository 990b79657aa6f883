import type { Clock } from "@longshore/shared/core/clock";
import type { Logger } from "./ports/logger.ts";

const messageCharsMax = 500;

const wordsOf = (message: string, data: Record<string, unknown> = {}): string => {
  const why = data.why ?? data.reason;
  return `${message}${why === undefined ? "" : `: ${String(why)}`}`
    .replace(/\s+/g, " ")
    .slice(0, messageCharsMax);
};

/** A logger that remembers the last warning or error, for people who ask later what was wrong. */
export const rememberErrors = (
  logger: Logger,
  clock: Clock,
): { logger: Logger; last(): { at: string; message: string } | null } => {
  let last: { at: string; message: string } | null = null;
  const remembering =
    (write: Logger["warn"]): Logger["warn"] =>
    (message, data) => {
      last = { at: new Date(clock.now()).toISOString(), message: wordsOf(message, data) };
      write(message, data);
    };
  return {
    logger: {
      info: (message, data) => logger.info(message, data),
      warn: remembering((message, data) => logger.warn(message, data)),
      error: remembering((message, data) => logger.error(message, data)),
    },
    last: () => last,
  };
};
