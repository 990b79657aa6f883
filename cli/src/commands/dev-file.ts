import { readFile } from "node:fs/promises";
import path from "node:path";
import { isAlive } from "@longshore/agent/adapters/lock-file";
import { z } from "zod";

const common = { apiUrl: z.string(), pid: z.int() };
/** An embedded API has a key; a session on another one is entered with the login. */
const DevFile = z.union([
  z.object({ ...common, apiKey: z.string() }),
  z.object({
    ...common,
    profile: z.string().nullable(),
    place: z.object({ project: z.string(), slug: z.string(), branch: z.string().nullable() }),
  }),
]);
export type DevFile = z.infer<typeof DevFile>;

/** Where `longshore dev` says how to reach it, for commands in another terminal. */
export const devFilePath = (dir: string): string => path.join(dir, ".longshore", "dev.json");

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
