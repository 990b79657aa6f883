import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";

/** The version of a package that a room of the house uses. Errors: throws when the room has none. */
export const installedVersion = async (room: string, name: string): Promise<string> => {
  for (const path of createRequire(join(room, "package.json")).resolve.paths(name) ?? []) {
    const text = await readFile(join(path, name, "package.json"), "utf8").catch(() => null);
    if (text !== null) return JSON.parse(text).version;
  }
  throw new Error(`${name} is not installed for ${room}`);
};
