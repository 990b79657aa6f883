import { chownSync, lstatSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { agentUser, becomeAgentUser } from "./agent-user.ts";
import { giveRunFolders } from "./give-run-folders.ts";
import { superviseAgent } from "./supervise-agent.ts";

/**
 * Starts the agent in its container as a user that nothing else on the host is: not root, and not the 1000 of the
 * runs' containers. A data folder that Docker made, or that an agent as root used, is given to that user first.
 */
const dataDir = process.env.LONGSHORE_AGENT_DATA ?? "/var/lib/longshore";

/** Children first: what has its owner already is done, below it too. Links are left alone, not followed. */
const giveAway = (path: string): void => {
  const seen = lstatSync(path);
  if (seen.uid === agentUser || seen.isSymbolicLink()) return;
  if (seen.isDirectory()) for (const name of readdirSync(path)) giveAway(join(path, name));
  chownSync(path, agentUser, agentUser);
};

if (process.getuid?.() === 0) {
  mkdirSync(dataDir, { recursive: true });
  giveAway(dataDir);
  giveRunFolders(join(dataDir, "runs"));
}
becomeAgentUser();
process.env.HOME = "/tmp";
// The bundle beside this one in the image.
superviseAgent(fileURLToPath(new URL("./agent.mjs", import.meta.url)));
