export type AgentRuntime = "docker" | "process" | "auto";

export type StartAgentOptions = {
  url: string;
  dataDir: string;
  runtime: AgentRuntime;
  slots: number;
  image?: string;
  orphanGraceMs?: number;
  /** Ends the runs that are executing when the agent stops; otherwise they go on and are adopted later. */
  endRunsOnStop?: boolean;
};

/** A started agent. `done` settles when it ends by itself or is stopped. */
export type RunningAgent = {
  stop(): Promise<void>;
  done: Promise<unknown>;
  runtime: { kind: "docker" | "process"; why: string };
};

export type EnrolAgentOptions = { url: string; token: string; name: string; dataDir: string };

type AgentModule = {
  enrolAgent(options: EnrolAgentOptions): Promise<unknown>;
  startAgent(options: StartAgentOptions, deps: { log: (line: string) => void }): Promise<RunningAgent>;
};

// A plain text, so that the agent's modules are loaded by the commands that start it and by no other.
const agentModule: string = "@longshore/agent/agent";

const load = async (): Promise<AgentModule> => import(agentModule);

/** Makes this machine an agent: a one-time token becomes an identity in `dataDir`. */
export const enrolAgent = async (options: EnrolAgentOptions): Promise<unknown> =>
  (await load()).enrolAgent(options);

/** Starts the agent whose identity is in `dataDir`. */
export const startAgent = async (
  options: StartAgentOptions,
  log: (line: string) => void,
): Promise<RunningAgent> => (await load()).startAgent(options, { log });
