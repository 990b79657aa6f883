import { chownSync, lstatSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";

/**
 * Starts the agent in its container as a user that nothing else on the host is: not root, and not the 1000 of the
 * runs' containers. A data folder that Docker made, or that an agent as root used, is given to that user first.
 */
const agentUser = 10_001;
const dataDir = process.env.LONGSHORE_AGENT_DATA ?? "/var/lib/longshore";

/** Links are changed, not followed. */
const giveAway = (path: string): void => {
  const seen = lstatSync(path);
  if (seen.uid !== agentUser && !seen.isSymbolicLink()) chownSync(path, agentUser, agentUser);
  if (seen.isDirectory()) for (const name of readdirSync(path)) giveAway(join(path, name));
};

if (process.getuid?.() === 0) {
  mkdirSync(dataDir, { recursive: true });
  if (lstatSync(dataDir).uid !== agentUser) giveAway(dataDir);
  process.setgroups?.([]);
  process.setgid?.(agentUser);
  process.setuid?.(agentUser);
}
process.env.HOME = "/tmp";
// A name known only in the image: the bundle beside this one.
const agent = "./agent.mjs";
await import(agent);
