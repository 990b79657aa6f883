import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { enrolAgent, type RunningAgent, startAgent } from "../adapters/agent.ts";
import { startServer } from "../adapters/server.ts";
import type { Connection } from "../commands/connection.ts";
import { type DevFile, devFilePath } from "../commands/dev-file.ts";

/** The API and the agent that `dev` works with, its own or another's. */
export type DevPlatform = {
  connection: Connection;
  signInUrl: string | undefined;
  agent: RunningAgent | undefined;
  close(): Promise<void>;
};

/** What `dev` was asked for. */
export type DevPlatformOptions = {
  dir: string;
  /** Another API than an embedded one. */
  connection: Connection | undefined;
  /** Makes this machine an agent of that other API. */
  enrolToken: string | undefined;
  port: number | undefined;
  slots: number;
  log: (line: string) => void;
};

/** Runs of a `dev` that was killed end soon after it. Units: milliseconds. */
const orphanGraceMs = 3_000;

const isEmptyDir = async (dir: string): Promise<boolean> => (await readdir(dir).catch(() => [])).length === 0;

/** The project's own DATABASE_URL and the like are for its tasks: the embedded server must not open them. */
const serverEnv = (): Record<string, string | undefined> =>
  Object.fromEntries(Object.entries(process.env).filter(([name]) => name.startsWith("LONGSHORE_")));

const startDevAgent = async (
  options: DevPlatformOptions,
  url: string,
  dataDir: string,
  token: () => Promise<string>,
): Promise<RunningAgent> => {
  if (await isEmptyDir(dataDir)) {
    await mkdir(dataDir, { recursive: true });
    await enrolAgent({ url, token: await token(), name: "dev", dataDir });
  }
  const { slots, log } = options;
  const orphans = { endRunsOnStop: true, orphanGraceMs };
  return startAgent({ url, dataDir, name: "dev", runtime: "process", slots, ...orphans }, log);
};

const writeDevFile = async (dir: string, connection: Connection): Promise<void> => {
  const file = devFilePath(dir);
  await mkdir(path.dirname(file), { recursive: true });
  const content: DevFile = { ...connection, pid: process.pid };
  await writeFile(file, JSON.stringify(content), { mode: 0o600 });
};

const startEmbedded = async (options: DevPlatformOptions): Promise<DevPlatform> => {
  const dataDir = path.join(options.dir, ".longshore");
  const { port, log } = options;
  const server = await startServer(serverEnv(), {
    dataDir: path.join(dataDir, "server"),
    log,
    ...(port === undefined ? {} : { port }),
  });
  try {
    const { bootstrap, url } = server;
    if (bootstrap.apiKey === null) throw new Error("the embedded server kept no key");
    const connection = { apiUrl: url, apiKey: bootstrap.apiKey };
    const agent = await startDevAgent(options, url, path.join(dataDir, "agent"), bootstrap.enrolToken);
    await writeDevFile(options.dir, connection);
    return {
      connection,
      signInUrl: bootstrap.signInUrl ?? undefined,
      agent,
      close: async () => {
        await rm(devFilePath(options.dir), { force: true });
        await agent.stop();
        await server.close();
      },
    };
  } catch (error) {
    await server.close();
    throw error;
  }
};

const useRemote = async (options: DevPlatformOptions, connection: Connection): Promise<DevPlatform> => {
  const token = options.enrolToken;
  const dataDir = path.join(
    options.dir,
    ".longshore",
    `agent-${new URL(connection.apiUrl).host.replace(/\W/g, "-")}`,
  );
  const agent =
    token === undefined && (await isEmptyDir(dataDir))
      ? undefined
      : await startDevAgent(options, connection.apiUrl, dataDir, async () => token ?? "");
  return { connection, signInUrl: undefined, agent, close: async () => agent?.stop() };
};

/** Brings up what `dev` needs: an embedded API with an agent, or only an agent for another API. */
export const startDevPlatform = (options: DevPlatformOptions): Promise<DevPlatform> =>
  options.connection ? useRemote(options, options.connection) : startEmbedded(options);
