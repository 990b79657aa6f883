import { readFile } from "node:fs/promises";
import { parseEnv } from "node:util";
import { CliError } from "../cli-error.ts";
import { exitCodes } from "../exit-codes.ts";

/** The variables of a file in dotenv form; undefined when there is no such file. Errors: `CliError` for one that cannot be read. */
export const readEnvFile = async (file: string): Promise<Record<string, string> | undefined> => {
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw new CliError(`${file} cannot be read (${error.code})`, { cause: error });
  });
  if (text === undefined) return undefined;
  const parsed = parseEnv(text);
  return Object.fromEntries(
    Object.entries(parsed).filter((pair): pair is [string, string] => pair[1] !== undefined),
  );
};

/** The same for a file that must be there. */
export const requireEnvFile = async (file: string): Promise<Record<string, string>> => {
  const found = await readEnvFile(file);
  if (found !== undefined) return found;
  throw new CliError(`there is no file ${file}`, {
    next: "name another one",
    exitCode: exitCodes.badUsage,
  });
};
