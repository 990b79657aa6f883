import { lchownSync, lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { agentUser } from "./agent-user.ts";

const seen = (path: string) => lstatSync(path, { throwIfNoEntry: false });

/** As the agent's user, who may list its own folders: root in the container has no right beyond its own files. */
const namesIn = (folder: string): string[] => {
  process.seteuid?.(agentUser);
  try {
    return readdirSync(folder);
  } catch {
    return []; // the agent names what it cannot remove
  } finally {
    process.seteuid?.(0);
  }
};

/**
 * Gives root's folders among those of the runs to the agent's user. The Docker engine makes a folder that is to be
 * mounted and is not there: as root, where the agent could never remove it. Folders alone, and no link is followed.
 */
export const giveRunFolders = (runs: string): void => {
  const give = (path: string): void => {
    const found = seen(path);
    if (found?.isDirectory() && found.uid === 0) lchownSync(path, agentUser, agentUser);
  };
  give(runs);
  if (!seen(runs)?.isDirectory()) return;
  for (const name of namesIn(runs)) for (const part of ["", "b", "s"]) give(join(runs, name, part));
};
