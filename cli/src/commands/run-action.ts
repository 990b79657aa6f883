import { describeError } from "../terminal/describe-error.ts";
import { printJson, printNote } from "../terminal/output.ts";
import { style } from "../terminal/style.ts";

/** Runs a command's work: errors become lines (or JSON) and an exit code, never a stack. */
export const runAction = async (options: { json?: boolean }, work: () => Promise<void>): Promise<void> => {
  try {
    await work();
  } catch (error) {
    const { message, detail, next, exitCode } = describeError(error);
    if (options.json) printJson({ error: { message, detail, next, exitCode } });
    else {
      printNote(`${style("red", "error:")} ${message}`);
      if (detail) printNote(detail);
      if (next) printNote(`${style("dim", "next:")} ${next}`);
    }
    process.exitCode = exitCode;
  }
};
