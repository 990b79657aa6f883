import { mkdir, open, readFile, rm } from "node:fs/promises";
import path from "node:path";
import { CliError } from "../cli-error.ts";

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
};

/** When a process began, so that another one with its number is not taken for it; empty where that is not known. */
const startOf = async (pid: number): Promise<string> => {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "";
};

const holderOf = async (file: string): Promise<number | null> => {
  const [pid, start] = (await readFile(file, "utf8").catch(() => "")).split(" ");
  const number = Number(pid);
  return number > 0 && isAlive(number) && (await startOf(number)) === start ? number : null;
};

/**
 * Makes this process the only `dev` of a folder. What a killed one left is taken over.
 *
 * Shape: gives the folder back. Errors: `CliError` that names the process that has it.
 */
export const lockFolder = async (dir: string): Promise<() => Promise<void>> => {
  const file = path.join(dir, ".longshore", "dev.lock");
  await mkdir(path.dirname(file), { recursive: true });
  for (let tries = 0; tries < 3; tries++) {
    try {
      const held = await open(file, "wx", 0o600);
      await held.writeFile(`${process.pid} ${await startOf(process.pid)}`);
      await held.close();
      return () => rm(file, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      const pid = await holderOf(file);
      if (pid !== null) {
        throw new CliError(`longshore dev runs in ${dir} already (process ${pid})`, {
          next: `use that one, or end it: kill ${pid}`,
        });
      }
      await rm(file, { force: true });
    }
  }
  throw new CliError(`${file} cannot be taken`, { next: "delete it and try again" });
};
