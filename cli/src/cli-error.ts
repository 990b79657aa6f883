import { type ExitCode, exitCodes } from "./exit-codes.ts";

/**
 * Something the user can do something about: one line that says what is wrong, one that says what to do next.
 *
 * `exitCode`: one of `exitCodes`; 1 unless it says so.
 */
export class CliError extends Error {
  constructor(
    message: string,
    readonly options: { next?: string; exitCode?: ExitCode; detail?: string; cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause });
    this.name = "CliError";
  }

  get exitCode(): ExitCode {
    return this.options.exitCode ?? exitCodes.failed;
  }
}
