import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";

/**
 * Removes all that is in a folder, links as links. A folder that is not there is empty.
 * Errors: those of the file system, for instance about a folder that was made unreadable.
 */
export const emptyFolder = async (path: string): Promise<void> => {
  const names = await readdir(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  for (const name of names) await rm(join(path, name), { recursive: true, force: true });
};
