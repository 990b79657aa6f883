/**
 * Something the user can do something about: one line that says what is wrong, one that says what to do next.
 *
 * `exitCode`: 1 = it failed, 2 = it was called wrongly.
 */
export class CliError extends Error {
  constructor(
    message: string,
    readonly options: { next?: string; exitCode?: 1 | 2; detail?: string; cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause });
    this.name = "CliError";
  }

  get exitCode(): 1 | 2 {
    return this.options.exitCode ?? 1;
  }
}
