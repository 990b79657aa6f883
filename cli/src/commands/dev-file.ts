import { readFile } from "node:fs/promises";
import path from "node:path";
import { z } from "zod";

const DevFile = z.object({ apiUrl: z.string(), apiKey: z.string(), pid: z.int() });
export type DevFile = z.infer<typeof DevFile>;

/** Where `longshore dev` says how to reach it, for commands in another terminal. */
export const devFilePath = (dir: string): string => path.join(dir, ".longshore", "dev.json");

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
};

/** The `longshore dev` that runs in this folder; undefined when none does. */
export const readDevFile = async (dir: string): Promise<DevFile | undefined> => {
  const text = await readFile(devFilePath(dir), "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    const parsed = DevFile.parse(JSON.parse(text));
    return isAlive(parsed.pid) ? parsed : undefined;
  } catch {
    // It is being written, or was cut: nobody can be reached by it.
    return undefined;
  }
};
