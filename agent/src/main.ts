import { createJsonLogger } from "./adapters/json-logger.ts";
import { startAgent } from "./agent.ts";
import { AgentError } from "./agent-error.ts";
import { ConfigError, readConfig } from "./config.ts";
import { exitForGood } from "./exit-for-good.ts";

/** An agent as a process of its own: the first signal lets go of the runs in order, the second ends at once. */
const main = async (): Promise<void> => {
  const given = process.argv.slice(2);
  // It would be a second agent where somebody meant to ask the first.
  if (given.length > 0)
    throw new ConfigError(
      `This starts an agent and takes no arguments, but was given "${given.join(" ")}". Settings are environment variables; status, doctor and drain are commands of the CLI: longshore agent status --data-dir <folder>`,
    );
  const config = readConfig(process.env);
  const starting = new AbortController();
  let stop = (): void => starting.abort();
  let signals = 0;
  const onSignal = (): void => {
    signals++;
    if (signals > 1) process.exit(130);
    stop();
  };
  process.on("SIGTERM", onSignal);
  process.on("SIGINT", onSignal);
  const logger = createJsonLogger();
  const agent = await startAgent(config, { logger, signal: starting.signal });
  const { runtime, slots } = agent.status();
  logger.info("the agent is up", { agentId: agent.agentId, runtime, slots });
  stop = () => void agent.stop();
  if (signals > 0) stop();
  const end = await agent.done;
  if (end.kind === "fatal") logger.error("the agent ends", { reason: end.reason });
  if (end.kind === "stopped") process.exit(0);
  process.exit(end.isForGood ? exitForGood : 1);
};

main().catch((error: unknown) => {
  const isExpected = error instanceof AgentError || error instanceof ConfigError;
  console.error(isExpected ? error.message : error);
  process.exit(1);
});
