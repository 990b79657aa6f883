import { listenForRunners } from "./adapters/runner-socket.ts";
import { AgentError } from "./agent-error.ts";
import type { AgentConfig } from "./config.ts";
import type { Logger } from "./ports/logger.ts";

/** Opens the TCP port of this agent's runners. Errors: `AgentError` when the address is none of this host's, or taken. */
export const listenAt = async (wanted: NonNullable<AgentConfig["runnerTcp"]>, logger: Logger) => {
  try {
    return await listenForRunners(wanted, logger);
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code ?? String(error);
    throw new AgentError(
      `The agent cannot listen for runners at ${wanted.host}:${wanted.port} (${why}). ` +
        "Set LONGSHORE_RUNNER_TCP to an address of this host that containers reach, and a free port.",
    );
  }
};
