import { CliError } from "../cli-error.ts";
import { type AgentFlags, readAgentConfig } from "./agent.ts";

type Env = Record<string, string | undefined>;
export type LocalStatus = Awaited<
  ReturnType<typeof import("@longshore/agent/adapters/local-client").askAgent>
>;
export type Check = Awaited<ReturnType<typeof import("@longshore/agent/doctor").examine>>[number];

const folderOf = async (flags: AgentFlags, env: Env): Promise<string> => {
  const { defaultDataDir } = await import("@longshore/agent/config");
  return flags.dataDir || env.LONGSHORE_AGENT_DATA || defaultDataDir();
};

/**
 * Asks the agent that runs on this machine.
 *
 * Errors: `CliError` when none runs on the data folder, or this user may not ask it.
 */
export const askLocalAgent = async (
  flags: AgentFlags,
  method: "GET" | "POST",
  path: "/status" | "/drain" | "/undrain",
  env: Env = process.env,
): Promise<LocalStatus> => {
  const { askAgent } = await import("@longshore/agent/adapters/local-client");
  const dataDir = await folderOf(flags, env);
  try {
    return await askAgent(dataDir, method, path);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === "EACCES") {
      throw new CliError(`this user may not ask the agent in ${dataDir}`, {
        next: "run it as the agent's user, or with sudo",
        cause,
      });
    }
    throw new CliError(`no agent runs on the data folder ${dataDir}`, {
      next: "longshore agent start; another folder is named by --data-dir or LONGSHORE_AGENT_DATA",
      cause,
    });
  }
};

/** Looks at everything an agent on this machine depends on. Errors: `CliError` for wrong or missing settings. */
export const examineHost = async (flags: AgentFlags, env: Env = process.env): Promise<Check[]> => {
  const { examine } = await import("@longshore/agent/doctor");
  return examine(await readAgentConfig(flags, env));
};
