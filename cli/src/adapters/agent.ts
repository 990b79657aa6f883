import { CliError } from "../cli-error.ts";
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
  /** Runs go without a network where nobody can filter it; otherwise none are taken there. */
  goesWithoutNetwork?: boolean;
};

/** What `dev` adds to the runs of its agent. */
export type AgentDevelopment = NonNullable<
  NonNullable<Parameters<typeof import("@longshore/agent/agent").startAgent>[1]>["development"]
>;

/** What a person said on the command line; it wins over the environment. */
export type AgentFlags = {
  apiUrl?: string;
  dataDir?: string;
  token?: string;
  name?: string;
  runtime?: AgentRuntime;
  slots?: number;
  image?: string;
};

/** Why an agent ended: it was stopped, or could not go on; `isForGood`: nor could it after another start. */
export type AgentEnd = { kind: "stopped" } | { kind: "fatal"; reason: string; isForGood?: true };

/** A started agent. `done` settles when it ends by itself or is stopped. */
export type RunningAgent = {
  stop(): Promise<void>;
  /** Settles when the API has acknowledged it; never when it does not. */
  accepted: Promise<void>;
  done: Promise<AgentEnd>;
  runtime: { kind: string; why: string };
  slots: number;
};

type Env = Record<string, string | undefined>;
type Config = Parameters<typeof import("@longshore/agent/agent").startAgent>[0];

/** A setting that is not set, said in the words of the command line. */
const missing = (what: string, next: string): CliError => new CliError(`no ${what}`, { next, exitCode: 2 });

/**
 * The agent's own variables with the flags laid over them, and the address of the stored identity when none is given.
 *
 * Errors: `CliError` (bad usage) naming what is missing or wrong.
 */
export const readAgentConfig = async (flags: AgentFlags, env: Env): Promise<Config> => {
  const { ConfigError, defaultDataDir, readConfig } = await import("@longshore/agent/config");
  const { findIdentity } = await import("@longshore/agent/adapters/identity");
  const dataDir = flags.dataDir || env.LONGSHORE_AGENT_DATA || defaultDataDir();
  const given = flags.apiUrl || env.LONGSHORE_URL || env.LONGSHORE_API_URL;
  const url = given || (await findIdentity(dataDir))?.url;
  if (!url) throw missing("API address", "pass --api-url or set LONGSHORE_URL");
  const { token, name, runtime, slots, image } = flags;
  const over: Env = {
    LONGSHORE_URL: url,
    LONGSHORE_AGENT_DATA: dataDir,
    LONGSHORE_ENROL_TOKEN: token,
    LONGSHORE_AGENT_NAME: name,
    LONGSHORE_RUNTIME: runtime,
    LONGSHORE_SLOTS: slots?.toString(),
    LONGSHORE_RUNNER_IMAGE: image,
  };
  const said = Object.fromEntries(Object.entries(over).filter(([, value]) => value));
  try {
    return readConfig({ ...env, ...said });
  } catch (error) {
    if (error instanceof ConfigError) throw new CliError(error.message, { exitCode: 2, cause: error });
    throw error;
  }
};

const loggerTo = (log: (line: string) => void) => {
  const write = (level: string) => (message: string, fields?: Record<string, unknown>) =>
    log(JSON.stringify({ level, message, ...fields }));
  return { info: write("info"), warn: write("warn"), error: write("error") };
};

const reasons: Record<string, string> = {
  docker: "a Docker engine answers",
  process: "no Docker engine answers",
};

const begin = async (
  config: Config,
  log: (line: string) => void,
  given: { signal?: AbortSignal; development?: AgentDevelopment } = {},
): Promise<RunningAgent> => {
  const { startAgent: start } = await import("@longshore/agent/agent");
  const agent = await start(config, { logger: loggerTo(log), ...given });
  const { runtime: kind, slots } = agent.status();
  const why = config.runtime === "auto" ? (reasons[kind] ?? "as found") : "as asked";
  const { accepted, done } = agent;
  return { stop: () => agent.stop(), accepted, done, runtime: { kind, why }, slots };
};

/** Makes this machine an agent: a one-time token becomes an identity in the data folder; for `longshore agent enrol`. Errors: `CliError`, `AgentError`. */
export const enrolAgentHere = async (
  flags: AgentFlags,
  log: (line: string) => void,
  env: Env = process.env,
): Promise<{ agentId: string; name: string }> => {
  const { enrolAgent: enrol } = await import("@longshore/agent/agent");
  const config = await readAgentConfig(flags, env);
  if (!config.enrolToken) {
    throw missing(
      "enrol token",
      "make one as the dashboard's agents page says; pass --token or set LONGSHORE_ENROL_TOKEN",
    );
  }
  const { agentId } = await enrol(config, { logger: loggerTo(log) });
  return { agentId, name: config.name };
};

/** Starts the agent whose identity is in `dataDir`, or that the token makes one. */
export const startAgent = async (
  options: StartAgentOptions,
  log: (line: string) => void = print,
  development?: AgentDevelopment,
): Promise<RunningAgent> => {
  const { agentConfig } = await import("@longshore/agent/config");
  const { image, ...rest } = options;
  const config = agentConfig({
    ...rest,
    ...(image === undefined ? {} : { runnerImage: image }),
    ...(process.env.DOCKER_HOST ? { dockerHost: process.env.DOCKER_HOST } : {}),
  });
  const agent = await begin(config, log, development ? { development } : {});
  void agent.done.then((end) => {
    if (end.kind === "fatal") loggerTo(log).error("the agent ends", { reason: end.reason });
  });
  return agent;
};

/** The same from flags and environment, for `longshore agent start`. Errors: `CliError`, `AgentError`. */
export const startAgentHere = async (
  flags: AgentFlags,
  log: (line: string) => void,
  signal: AbortSignal,
  env: Env = process.env,
): Promise<RunningAgent> => begin(await readAgentConfig(flags, env), log, { signal });
