import { lstatSync, realpathSync } from "node:fs";
import { dirname } from "node:path";

/** Every folder on the way, from the data folder down to the one that is mounted. */
const wayTo = (path: string, dataDir: string): string[] =>
  path === dataDir ? [path] : [...wayTo(dirname(path), dataDir), path];

/**
 * Why one of the folders may not be mounted, or null: each must be a folder below the data folder by its own name, with
 * no link on the way. The agent writes there, so it could have put a link to anywhere; the engine would follow it.
 *
 * A folder that is not there is refused too: the engine would make it, as root.
 */
export const whyNotMounted = (folders: readonly string[], dataDir: string): string | null => {
  for (const folder of folders) {
    try {
      const odd = wayTo(folder, dataDir).find((path) => !lstatSync(path).isDirectory());
      if (odd !== undefined) return `it mounts ${folder}, where ${odd} is no folder`;
      // What is mounted under another name leads elsewhere too.
      if (realpathSync.native(folder) !== folder) return `it mounts ${folder}, which is elsewhere`;
    } catch (error) {
      return `it mounts ${folder}, which cannot be looked at (${(error as NodeJS.ErrnoException).code})`;
    }
  }
  return null;
};
