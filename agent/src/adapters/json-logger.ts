import type { Logger } from "../ports/logger.ts";

/** One JSON object a line on standard error, which keeps standard output free. */
export const createJsonLogger = (
  write: (line: string) => void = (line) => process.stderr.write(line),
): Logger => {
  const say = (level: string) => (message: string, data?: Record<string, unknown>) =>
    write(`${JSON.stringify({ at: new Date().toISOString(), level, message, ...data })}\n`);
  return { info: say("info"), warn: say("warn"), error: say("error") };
};
