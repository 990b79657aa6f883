import { createHmac } from "node:crypto";
import type { AddressInfo } from "node:net";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { serve } from "@hono/node-server";
import { newId } from "@longshore/shared/core/ids";
import { Redis } from "ioredis";
import type { Hints } from "../hints/hints.ts";
import { createInProcessHints } from "../hints/in-process.ts";
import { createRedisHints } from "../hints/redis.ts";
import { createApp } from "../routes/app.ts";
import { createEnrolToken } from "../services/agents.ts";
import { createApiKey, ensureWorkspace } from "../services/bootstrap.ts";
import type { Deps, Log, Settings } from "../services/deps.ts";
import { createHearing } from "../services/hearing.ts";
import { createPresence } from "../services/presence.ts";
import { createSignInToken } from "../services/sessions.ts";
import { sweep } from "../services/sweep.ts";
import { createDiskBlobs } from "./blobs-disk.ts";
import { createS3Blobs } from "./blobs-s3.ts";
import { loadCredentials, saveCredentials } from "./credentials-file.ts";
import { openPg } from "./database-pg.ts";
import { openPglite } from "./database-pglite.ts";
import { checkMigrated, checkReachable, migrateEmbedded, migratePgPool } from "./migrate.ts";
import { type NodeConfig, readNodeConfig } from "./node-config.ts";
import { serveDashboard } from "./serve-dashboard.ts";
import { defaultSettings } from "./settings.ts";

/** How often each process looks for what hints missed. Units: milliseconds. */
const defaultSweepMs = 15_000;
/** Longer than the hold of any poll, so that idle connections of agents are not closed under them. Units: milliseconds. */
const keepAliveMs = 65_000;

const assetsDir = fileURLToPath(new URL("../../dashboard/dist", import.meta.url));

export type ServerOptions = {
  port?: number;
  dataDir?: string;
  log?: (line: string) => void;
  settings?: Partial<Settings>;
  /** Pause between sweeps. Units: milliseconds. */
  sweepMs?: number;
};

/** What a person or a local agent needs to begin. `apiKey` is null when it was made by an earlier start and is not kept. */
export type Bootstrap = {
  environmentId: string;
  projectRef: string;
  apiKey: string | null;
  signInUrl(): Promise<string>;
  enrolToken(): Promise<string>;
};

export type RunningServer = {
  url: string;
  mode: "embedded" | "postgres";
  bootstrap: Bootstrap;
  /** Whether a sign-in link may be shown in the terminal. */
  printsSignIn: boolean;
  /** Cuts parked polls, lets answers out, closes everything. */
  close(): Promise<void>;
};

type Opened = { db: Deps["db"]; close(): Promise<void> };

const openDatabase = async (config: NodeConfig, dataDir: string, log: Log): Promise<Opened> => {
  if (config.databaseUrl === null) {
    const { db, pglite, close } = await openPglite(join(dataDir, "postgres"));
    await migrateEmbedded(pglite);
    return { db, close };
  }
  await (config.migrates ? checkReachable : checkMigrated)(config.databaseUrl);
  const onError = (error: Error) => log("database.connection_lost", { error: error.message });
  const { db, pool, close } = openPg(config.databaseUrl, { connectionsMax: config.connectionsMax, onError });
  if (config.migrates) await migratePgPool(pool);
  return { db, close };
};

const openHints = (config: NodeConfig, log: Log): Hints => {
  if (config.redisUrl === null) return createInProcessHints(newId("boot"));
  // Commands fail at once while Redis is away: a hint is not worth waiting for.
  const options = { family: 0, enableOfflineQueue: false, maxRetriesPerRequest: 0, protocol: 2 as const };
  const retryStrategy = (times: number) => Math.min(2_000, times * 100);
  const commands = new Redis(config.redisUrl, { ...options, retryStrategy });
  const subscriber = new Redis(config.redisUrl, { ...options, retryStrategy, autoResubscribe: false });
  return createRedisHints({ commands, subscriber }, log);
};

const jsonLog =
  (write: (line: string) => void): Log =>
  (event, fields) =>
    write(JSON.stringify({ at: new Date().toISOString(), event, ...fields }));

const startSweeping = (
  deps: Deps,
  hearing: ReturnType<typeof createHearing>,
  sweepMs: number,
): (() => void) => {
  let timer: NodeJS.Timeout;
  const next = () => {
    timer = setTimeout(run, sweepMs * (0.8 + Math.random() * 0.4));
    timer.unref();
  };
  const run = () => {
    sweep(deps, hearing.ms)
      .catch((error: unknown) => deps.log("sweep.failed", { error: String(error) }))
      .finally(() => {
        hearing.rested();
        next();
      });
  };
  next();
  return () => clearTimeout(timer);
};

const makeBootstrap = async (
  deps: Deps,
  config: NodeConfig,
  dataDir: string,
  urlOf: () => string,
): Promise<Bootstrap> => {
  const workspace = await ensureWorkspace(deps, config.runningMax);
  const environment = workspace.environments.find(({ slug }) => slug === "dev") ?? workspace.environments[0];
  if (environment === undefined) throw new Error("the project has no environment");
  return {
    environmentId: environment.id,
    projectRef: workspace.projectRef,
    apiKey: await keyFor(deps, config, dataDir, environment, workspace.created),
    signInUrl: async () => `${urlOf()}/sign-in?token=${await createSignInToken(deps, workspace.userId)}`,
    enrolToken: async () => (await createEnrolToken(deps, environment.id)).token,
  };
};

/** The embedded server keeps the key it made, so that it can be shown again; a shared one shows it at its first start. */
const keyFor = async (
  deps: Deps,
  config: NodeConfig,
  dataDir: string,
  environment: { id: string; slug: string },
  isNew: boolean,
): Promise<string | null> => {
  if (config.databaseUrl !== null) return isNew ? createApiKey(deps, environment, "first key") : null;
  const credentials = await loadCredentials(dataDir);
  const known = credentials.apiKeys[environment.id];
  if (known !== undefined) return known;
  const key = await createApiKey(deps, environment, "local");
  await saveCredentials(dataDir, {
    ...credentials,
    apiKeys: { ...credentials.apiKeys, [environment.id]: key },
  });
  return key;
};

const listen = (app: ReturnType<typeof createApp>, port: number, hostname: string) =>
  new Promise<ReturnType<typeof serve>>((resolveServer, reject) => {
    const server = serve({ fetch: app.fetch, port, hostname }, () => resolveServer(server));
    server.once("error", (error: NodeJS.ErrnoException) => {
      const message =
        error.code === "EADDRINUSE"
          ? `Port ${port} is taken. Choose a free one with --port or PORT.`
          : error.message;
      reject(new Error(message, { cause: error }));
    });
  });

/**
 * Starts the API on Node: embedded when DATABASE_URL is not set, otherwise on Postgres, with Redis when REDIS_URL is set.
 *
 * Errors: `ConfigError`, `DatabaseError`, `MigrationError`, a taken port; nothing is left running then.
 */
export const startServer = async (
  env: Record<string, string | undefined>,
  options: ServerOptions = {},
): Promise<RunningServer> => {
  const config = readNodeConfig(env);
  const dataDir = resolve(options.dataDir ?? config.dataDir);
  const log = jsonLog(options.log ?? ((line) => console.error(line)));
  const secret = config.secret ?? new Uint8Array(Buffer.from((await loadCredentials(dataDir)).secret, "hex"));
  const database = await openDatabase(config, dataDir, log);
  const hints = openHints(config, log);
  const settings = { ...defaultSettings, ...config.limits, ...options.settings };
  const sweepMs = options.sweepMs ?? defaultSweepMs;
  // A busy machine is not taken for a database that is away, however short the beats are.
  const slowMs = Math.max(settings.beatMs, defaultSettings.beatMs);
  const hearing = createHearing({ slowMs, restMs: 1.2 * sweepMs + slowMs });
  const deps: Deps = {
    db: hearing.watch(database.db),
    hints,
    secret,
    encryptionKeys: config.encryptionKeys(secret),
    log,
    blobs: config.s3 === null ? createDiskBlobs(join(dataDir, "blobs")) : createS3Blobs(config.s3),
    ...(config.publicUrl === null ? {} : { publicUrl: config.publicUrl }),
    settings,
    later: (work) => void work.catch((error: unknown) => log("later.failed", { error: String(error) })),
    presence: createPresence(),
    groupsCommits: true,
    random: Math.random,
    signJws: (key, header, payload) => {
      const text = `${Buffer.from(header).toString("base64url")}.${Buffer.from(payload).toString("base64url")}`;
      return `${text}.${createHmac("sha256", key).update(text).digest("base64url")}`;
    },
  };
  const app = createApp(() => deps);
  serveDashboard(app, assetsDir, log);
  const closeAll = async () => {
    await hints.close();
    await database.close();
  };
  let url = config.publicUrl ?? "";
  try {
    const bootstrap = await makeBootstrap(deps, config, dataDir, () => url);
    const server = await listen(app, options.port ?? config.port, config.host);
    if ("keepAliveTimeout" in server) server.keepAliveTimeout = keepAliveMs;
    const { port } = server.address() as AddressInfo;
    if (url === "") url = `http://${config.host === "0.0.0.0" ? "127.0.0.1" : config.host}:${port}`;
    const stopSweeping = startSweeping(deps, hearing, sweepMs);
    return {
      url,
      mode: config.databaseUrl === null ? "embedded" : "postgres",
      bootstrap,
      printsSignIn: config.printsSignIn,
      close: async () => {
        stopSweeping();
        const closed = new Promise<void>((done) => server.close(() => done()));
        if ("closeAllConnections" in server) server.closeAllConnections();
        await closed;
        await closeAll();
      },
    };
  } catch (error) {
    await closeAll();
    throw error;
  }
};
