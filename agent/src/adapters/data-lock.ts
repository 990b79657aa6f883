import { open, readFile, rm } from "node:fs/promises";
import { join } from "node:path";

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
};

/** What tells two uses of the same pid apart: after a container's restart the agent often gets its old one. */
const bootOf = async (pid: number): Promise<string> => {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "";
};

/**
 * Makes this process the only agent on a data folder: two would tear the outbox apart.
 *
 * Shape: a function that gives it back. Errors: throws while another living process has it.
 */
export const lockData = async (dataDir: string): Promise<() => Promise<void>> => {
  const path = join(dataDir, "agent.lock");
  const mine = `${process.pid} ${await bootOf(process.pid)}`;
  for (let tries = 0; tries < 3; tries++) {
    try {
      const file = await open(path, "wx", 0o600);
      await file.writeFile(mine);
      await file.close();
      return () => rm(path, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      const holder = await readFile(path, "utf8").catch(() => "");
      const [pid, boot] = holder.split(" ");
      const held = Number(pid) > 0 && isAlive(Number(pid)) && (await bootOf(Number(pid))) === boot;
      if (held) throw new Error(`Another agent (process ${pid}) uses the data folder ${dataDir}.`);
      await rm(path, { force: true });
    }
  }
  throw new Error(`The data folder ${dataDir} cannot be locked.`);
};
