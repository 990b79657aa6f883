import { appendFileSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { startServer } from "@longshore/edge-api/platform/node";
import { createDatabase } from "../services/create-database.ts";
import { ensurePostgres } from "../services/ensure-postgres.ts";
import { ensureRedis } from "../services/ensure-redis.ts";
import { isRunning, type RunningService, type Service } from "../services/service.ts";
import { startWorkerd } from "../start-workerd.ts";

/** An API on this machine and what a first caller needs. */
export type LocalApi = {
  url: string;
  /** What it runs on, in a few words. */
  how: string;
  apiKey: string;
  signInUrl(): Promise<string>;
  enrolToken(): Promise<string>;
  close(): Promise<void>;
};

/** The server's log as a file: errors that callers see by their request id only are told there. */
const writeLog = (path: string): ((line: string) => void) => {
  mkdirSync(dirname(path), { recursive: true });
  return (line) => appendFileSync(path, `${line}\n`);
};

type Options = { dataDir: string; port: number; say(line: string): void };

/** The API on Node, with Postgres inside the process. */
export const startNodeApi = async (options: Options): Promise<LocalApi> => {
  // What this machine's shell names is not for a try-out: only settings of our own reach it.
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => name.startsWith("LONGSHORE_")),
  );
  const server = await startServer(env, {
    port: options.port,
    dataDir: join(options.dataDir, "server"),
    log: writeLog(join(options.dataDir, "server.log")),
  });
  const { apiKey, signInUrl, enrolToken } = server.bootstrap;
  if (apiKey === null) throw new Error("the embedded server kept no key");
  return {
    url: server.url,
    how: "Node, embedded Postgres",
    apiKey,
    signInUrl,
    enrolToken,
    close: server.close,
  };
};

const assetsDir = fileURLToPath(new URL("../../../edge-api/dashboard/dist", import.meta.url));

const require = async (name: string, service: Service): Promise<RunningService> => {
  if (isRunning(service)) return service;
  throw new Error(`workerd needs ${name}: ${service.missing}`);
};

/** The API on workerd, over local stand-ins of Neon and Upstash in front of a real Postgres and a real Redis. */
export const startWorkerdApi = async (options: Options): Promise<LocalApi> => {
  const [postgres, redis] = await Promise.all([
    ensurePostgres().then((service) => require("Postgres", service)),
    ensureRedis().then((service) => require("Redis", service)),
  ]);
  options.say(`Postgres    ${postgres.how}`);
  options.say(`Redis       ${redis.how}`);
  const stop = async () => {
    await Promise.all([postgres.stop(), redis.stop()]);
  };
  try {
    const databaseUrl = await createDatabase(postgres.url, "longshore");
    const api = await startWorkerd({ databaseUrl, redisUrl: redis.url, port: options.port, assetsDir });
    return {
      ...api,
      how: "workerd, Postgres through Neon's protocol, Redis through Upstash's",
      close: async () => {
        await api.close();
        await stop();
      },
    };
  } catch (error) {
    await stop();
    throw error;
  }
};
