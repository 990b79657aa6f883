import { readFileSync } from "node:fs";
import path from "node:path";
import { parseEnv } from "node:util";
import { EnvVarName } from "@longshore/shared/contract/env-vars";
import { CliError } from "../cli-error.ts";
import { exitCodes } from "../exit-codes.ts";

/** Files of variables for runs in development; a later one wins. */
const defaultFiles = [".env", ".env.development", ".env.local", ".env.development.local"];

const readText = (file: string): string | undefined => {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
};

/**
 * The variables that a project's files hold, read anew each time: the next run gets what they say then.
 *
 * `files`: instead of the usual ones; these must be there. Names that the platform keeps for itself are left out, and
 * told once. Errors: `CliError` when a named file is missing.
 */
export const createDevEnv = (
  dir: string,
  files: readonly string[] | undefined,
  warn: (line: string) => void,
): (() => Readonly<Record<string, string>>) => {
  const paths = (files ?? defaultFiles).map((file) => path.resolve(dir, file));
  const missing = files && paths.find((file) => readText(file) === undefined);
  if (missing) {
    throw new CliError(`there is no file ${missing}`, {
      next: "name another with --env-file",
      exitCode: exitCodes.badUsage,
    });
  }
  const told = new Set<string>();
  const accept = (name: string): boolean => {
    const parsed = EnvVarName.safeParse(name);
    if (!parsed.success && !told.has(name))
      warn(`${name} is not given to runs: it ${parsed.error.issues[0]?.message}`);
    told.add(name);
    return parsed.success;
  };
  return () => {
    const all = paths.map((file) => parseEnv(readText(file) ?? ""));
    const merged = Object.entries(Object.assign({}, ...all) as Record<string, string>);
    return Object.fromEntries(merged.filter(([name]) => accept(name)));
  };
};
