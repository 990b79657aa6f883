import type { OutputLine } from "./output-reader.ts";

/** What is kept of the log of one attempt. Units: characters; each line counts some more for its time and place. */
export const logCharsMax = 16 * 1024 * 1024;
const charsPerLine = 100;

/**
 * Ends a log that has grown too long with a line that says so; the task goes on and is read on, so that it does not
 * stand still at a full pipe. Otherwise one task could fill the agent's disk, and the store of the API.
 */
export const limitLog = (deliver: (line: OutputLine) => void): ((line: OutputLine) => void) => {
  let left = logCharsMax;
  return (line) => {
    if (left <= 0) return;
    left -= line.message.length + charsPerLine;
    if (left > 0) return deliver(line);
    deliver({
      at: line.at,
      level: "warn",
      stream: "logger",
      message: `The log of this attempt ends here: it has reached ${logCharsMax / 1024 / 1024} MB. The task goes on.`,
    });
  };
};
