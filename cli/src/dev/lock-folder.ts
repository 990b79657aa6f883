import { mkdir } from "node:fs/promises";
import path from "node:path";
import { lockFile } from "@longshore/agent/adapters/lock-file";
import { CliError } from "../cli-error.ts";

/**
 * Makes this process the only `dev` of a folder. What a killed one left is taken over.
 *
 * Shape: gives the folder back. Errors: `CliError` that names the process that has it.
 */
export const lockFolder = async (dir: string): Promise<() => Promise<void>> => {
  const file = path.join(dir, ".longshore", "dev.lock");
  await mkdir(path.dirname(file), { recursive: true });
  return lockFile(
    file,
    (pid) =>
      new CliError(`longshore dev runs in ${dir} already (process ${pid})`, {
        next: `use that one, or end it: kill ${pid}`,
      }),
  );
};
