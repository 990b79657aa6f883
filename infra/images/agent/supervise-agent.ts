import { spawn } from "node:child_process";
import { constants } from "node:os";
import { createJsonLogger } from "@longshore/agent/adapters/json-logger";
import { exitForGood } from "@longshore/agent/exit-for-good";

/**
 * Runs the agent as a child and ends as it ends, unless no restart mends why it did: the engine would start this container
 * again and again, so it stays up, without an agent and unhealthy, until it is stopped.
 */
export const superviseAgent = (file: string): void => {
  // In a group of its own: what a terminal sends to all of a group reaches the agent once, through here.
  const agent = spawn(process.execPath, [file], { stdio: "inherit", detached: true });
  let isOver = false;
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.on(signal, () => {
      if (isOver) process.exit(exitForGood);
      agent.kill(signal);
    });
  }
  agent.once("error", (error) => {
    console.error(error.message);
    process.exit(1);
  });
  agent.once("exit", (code, signal) => {
    if (code !== exitForGood) process.exit(signal ? 128 + constants.signals[signal] : (code ?? 1));
    isOver = true;
    createJsonLogger().error("no restart mends why the agent ended; its container stays up without it", {
      exitCode: code,
    });
    setInterval(() => {}, 2 ** 31 - 1);
  });
};
