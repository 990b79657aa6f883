import { open, readFile, rm } from "node:fs/promises";

/** Whether a process of this number is there, whoever's it is. */
export const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
};

/** What tells two uses of the same number apart: after a container's restart a process often gets its old one. */
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
 * Makes this process the only holder of a file. What a killed one left is taken over.
 *
 * Shape: gives it back. Errors: throws what `taken` makes of the process that holds it.
 */
export const lockFile = async (file: string, taken: (pid: number) => Error): Promise<() => Promise<void>> => {
  const mine = `${process.pid} ${await startOf(process.pid)}`;
  for (let tries = 0; tries < 3; tries++) {
    try {
      const held = await open(file, "wx", 0o600);
      await held.writeFile(mine);
      await held.close();
      return () => rm(file, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      const holder = await holderOf(file);
      if (holder !== null) throw taken(holder);
      await rm(file, { force: true });
    }
  }
  throw new Error(`${file} cannot be taken: delete it and try again.`);
};
