import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { type AgentDevelopment, type RunningAgent, startAgent } from "../adapters/agent.ts";
import { startServer } from "../adapters/server.ts";
import type { Connection } from "../commands/connection.ts";
import { type DevFile, devFilePath } from "../commands/dev-file.ts";
import { choosePort } from "./choose-port.ts";
import { openSession, type SessionWish } from "./open-session.ts";

/** The API and the agent that `dev` works with, its own or another's. */
export type DevPlatform = {
  connection: Connection;
  /** Where the dashboard shows the environment; undefined when that is not known. */
  pageUrl: string | undefined;
  signInUrl: string | undefined;
  agent: RunningAgent | undefined;
  close(): Promise<void>;
};

/** An API that somebody else runs: entered as a person, who gets a session of their own, or with a key. */
export type RemoteApi =
  | { kind: "session"; wish: SessionWish }
  | { kind: "key"; connection: Connection; enrolToken: string | undefined };

/** What `dev` was asked for. */
export type DevPlatformOptions = {
  dir: string;
  /** Another API than an embedded one. */
  remote: RemoteApi | undefined;
  port: number | undefined;
  slots: number;
  development: AgentDevelopment;
  log: (line: string) => void;
};

/** Port of the embedded API when it is free and no other is asked for. */
const usualPort = 3030;
/** Runs of a `dev` that was killed end soon after it. Units: milliseconds. */
const orphanGraceMs = 3_000;

/** Where the agent of an API keeps what it knows: another session is another agent. */
export const agentDirOf = (dir: string, remote: RemoteApi | undefined): string => {
  if (remote === undefined) return path.join(dir, ".longshore", "agent");
  const url = remote.kind === "key" ? remote.connection.apiUrl : remote.wish.login.apiUrl;
  const name = remote.kind === "key" ? "" : `-${remote.wish.name}`;
  const safe = `${new URL(url).host}${name}`.replace(/\W+/g, "-");
  return path.join(dir, ".longshore", `agent-${safe.slice(0, 80)}`);
};

/** The project's own DATABASE_URL and the like are for its tasks: the embedded server must not open them. */
const serverEnv = (): Record<string, string | undefined> =>
  Object.fromEntries(Object.entries(process.env).filter(([name]) => name.startsWith("LONGSHORE_")));

const isEmptyDir = async (dir: string): Promise<boolean> => (await readdir(dir).catch(() => [])).length === 0;

/** The token is used by the first start alone: later ones are the same agent. */
const startDevAgent = async (
  options: DevPlatformOptions,
  url: string,
  enrolToken: string | undefined,
): Promise<RunningAgent> => {
  const { dir, remote, slots, log, development } = options;
  const dataDir = agentDirOf(dir, remote);
  const token = (await isEmptyDir(dataDir)) ? enrolToken : undefined;
  const orphans = { endRunsOnStop: true, orphanGraceMs };
  const enrolment = token === undefined ? {} : { enrolToken: token };
  return startAgent(
    { url, dataDir, name: "dev", runtime: "process", slots, ...orphans, ...enrolment },
    log,
    development,
  );
};

/** Tells commands in another terminal how to reach this one. */
const writeDevFile = async (dir: string, content: DevFile): Promise<() => Promise<void>> => {
  const file = devFilePath(dir);
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, JSON.stringify(content), { mode: 0o600 });
  return () => rm(file, { force: true });
};

const pageOf = (apiUrl: string, environmentId: string): string => `${apiUrl}/env/${environmentId}`;

const startEmbedded = async (options: DevPlatformOptions): Promise<DevPlatform> => {
  const { dir, port, log } = options;
  const server = await startServer(serverEnv(), {
    dataDir: path.join(dir, ".longshore", "server"),
    log,
    port: port ?? (await choosePort(usualPort)),
  });
  try {
    const { bootstrap, url } = server;
    if (bootstrap.apiKey === null) throw new Error("the embedded server kept no key");
    const connection = { apiUrl: url, apiKey: bootstrap.apiKey };
    const agent = await startDevAgent(options, url, await bootstrap.enrolToken());
    const forget = await writeDevFile(dir, { ...connection, pid: process.pid });
    return {
      connection,
      pageUrl: pageOf(url, bootstrap.environmentId),
      signInUrl: bootstrap.signInUrl ?? undefined,
      agent,
      close: async () => {
        await forget();
        await agent.stop();
        await server.close();
      },
    };
  } catch (error) {
    await server.close();
    throw error;
  }
};

const useSession = async (options: DevPlatformOptions, wish: SessionWish): Promise<DevPlatform> => {
  const { connection, environmentId, enrolToken, archive } = await openSession(wish);
  const agent = await startDevAgent(options, connection.apiUrl, enrolToken);
  const { apiUrl, place } = connection;
  const forget = await writeDevFile(options.dir, {
    apiUrl,
    place,
    profile: wish.login.name,
    pid: process.pid,
  });
  return {
    connection,
    pageUrl: pageOf(apiUrl, environmentId),
    signInUrl: undefined,
    agent,
    close: async () => {
      await forget();
      await agent.stop();
      // Whoever ends here need not wait for an API that is away: what is left open is put away after two weeks.
      await archive().catch((error: unknown) => options.log(`the session stays open: ${String(error)}`));
    },
  };
};

const useKey = async (
  options: DevPlatformOptions,
  { connection, enrolToken }: Extract<RemoteApi, { kind: "key" }>,
): Promise<DevPlatform> => {
  const isAgent = enrolToken !== undefined || !(await isEmptyDir(agentDirOf(options.dir, options.remote)));
  const agent = isAgent ? await startDevAgent(options, connection.apiUrl, enrolToken) : undefined;
  return { connection, pageUrl: undefined, signInUrl: undefined, agent, close: async () => agent?.stop() };
};

/** Brings up what `dev` needs: an embedded API with an agent, or only an agent for another API. */
export const startDevPlatform = (options: DevPlatformOptions): Promise<DevPlatform> => {
  const { remote } = options;
  if (remote === undefined) return startEmbedded(options);
  return remote.kind === "session" ? useSession(options, remote.wish) : useKey(options, remote);
};
