import { CliError } from "../cli-error.ts";
import { exitCodes } from "../exit-codes.ts";

/** What decides whether a person can be asked. */
export type AskOptions = { yes?: boolean; json?: boolean };

/** Whether there is somebody to ask: a terminal on both ends, and neither `--yes` nor `--json`. */
export const canAsk = ({ yes, json }: AskOptions): boolean =>
  !yes && !json && !process.env.CI && process.stdin.isTTY === true && process.stderr.isTTY === true;

// The prompts are loaded when somebody is asked, and write to standard error: answers go to standard output.
const prompts = () => import("@clack/prompts");
const output = process.stderr;

/** The prompts answer a symbol when somebody gives up. */
const answerOf = <T>(answer: T): Exclude<T, symbol> => {
  if (typeof answer !== "symbol") return answer as Exclude<T, symbol>;
  throw new CliError("nothing was answered", { exitCode: exitCodes.interrupted });
};

/** Errors: `CliError` (bad usage) that names the flag, where there is nobody to ask. */
export const askText = async (
  options: AskOptions,
  question: { message: string; flag: string; initial?: string },
): Promise<string> => {
  const { message, flag, initial } = question;
  if (!canAsk(options)) {
    if (options.yes && initial !== undefined) return initial;
    throw new CliError(`${flag} is missing, and there is no terminal to ask on`, {
      next: `pass ${flag}`,
      exitCode: exitCodes.badUsage,
    });
  }
  const { text } = await prompts();
  return answerOf(
    await text({ message, output, ...(initial === undefined ? {} : { initialValue: initial }) }),
  );
};

/** One of several. Errors: as for `askText`. */
export const askChoice = async (
  options: AskOptions,
  question: { message: string; flag: string; choices: readonly { value: string; label: string }[] },
): Promise<string> => {
  const { message, flag, choices } = question;
  if (!canAsk(options)) {
    throw new CliError(`${flag} is missing, and there is no terminal to ask on`, {
      next: `pass ${flag}, one of: ${choices.map(({ value }) => value).join(", ")}`,
      exitCode: exitCodes.badUsage,
    });
  }
  const { select } = await prompts();
  return answerOf(await select({ message, output, options: choices.map((choice) => ({ ...choice })) }));
};

/** Yes or no; `otherwise` where there is nobody to ask and nobody said `--yes`. */
export const askYes = async (options: AskOptions, message: string, otherwise: boolean): Promise<boolean> => {
  if (options.yes) return true;
  if (!canAsk(options)) return otherwise;
  const { confirm } = await prompts();
  return answerOf(await confirm({ message, output, initialValue: otherwise }));
};
