import { print } from "../terminal/output.ts";

/** Where runs execute; `auto` takes Docker when there is one. */
export type AgentRuntime = "docker" | "process" | "auto";

/** What a start needs. Units: `slots` counts runs at once. */
export type StartAgentOptions = {
  url: string;
  dataDir: string;
  runtime: AgentRuntime;
  slots: number;
  name?: string;
  image?: string;
  /** One-time token; needed until there is an identity in `dataDir`. */
  enrolToken?: string;
  orphanGraceMs?: number;
  /** Ends the runs that are executing when the agent stops; otherwise they go on and are adopted later. */
  endRunsOnStop?: boolean;
};

/** A started agent. `done` settles when it ends by itself or is stopped. */
export type RunningAgent = {
  stop(): Promise<void>;
  done: Promise<unknown>;
  runtime: { kind: string; why: string };
};

/** A one-time token, and where the identity that it buys is kept. */
export type EnrolAgentOptions = { url: string; token: string; name: string; dataDir: string };

/** Makes this machine an agent: a one-time token becomes an identity in `dataDir`. */
export const enrolAgent = async (options: EnrolAgentOptions): Promise<{ agentId: string }> => {
  const { enrolAgent: enrol } = await import("@longshore/agent/agent");
  const { agentConfig } = await import("@longshore/agent/config");
  const { token, ...rest } = options;
  return enrol(agentConfig({ ...rest, enrolToken: token }));
};

const reasons: Record<string, string> = {
  docker: "a Docker engine answers",
  process: "no Docker engine answers",
};

/** Starts the agent whose identity is in `dataDir`, or that the token makes one. */
export const startAgent = async (
  options: StartAgentOptions,
  log: (line: string) => void = print,
): Promise<RunningAgent> => {
  const { startAgent: start } = await import("@longshore/agent/agent");
  const { agentConfig } = await import("@longshore/agent/config");
  const { image, ...rest } = options;
  const config = agentConfig({
    ...rest,
    ...(image === undefined ? {} : { runnerImage: image }),
    ...(process.env.DOCKER_HOST ? { dockerHost: process.env.DOCKER_HOST } : {}),
  });
  const write = (level: string) => (message: string, fields?: Record<string, unknown>) =>
    log(JSON.stringify({ level, message, ...fields }));
  const logger = { info: write("info"), warn: write("warn"), error: write("error") };
  const agent = await start(config, { logger });
  const kind = agent.status().runtime;
  const why = options.runtime === "auto" ? (reasons[kind] ?? "as found") : "as asked";
  return { stop: () => agent.stop(), done: agent.done, runtime: { kind, why } };
};
