import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { type ServerOptions, startServer } from "@longshore/edge-api/platform/node";
import { createDatabase } from "../../src/services/create-database.ts";
import { needs } from "../../src/testing/need.ts";
import type { StageApi } from "./start-stage.ts";

/** Leases so short that a test can wait for their end. Units: milliseconds. */
const shortLeases = { beatMs: 1_500, leaseMs: 8_000, silentMs: 9_000, startMs: 40_000, holdMs: 3_000 };

/** What the tests of survival need: a real engine, and real Postgres and Redis behind the API. */
export const hasRealParts = Boolean(
  needs("docker") && needs("runnerImage") && needs("postgres") && needs("redis"),
);

/** An API in this process on real Postgres and Redis, with short leases unless `settings` say otherwise. */
export const realApi =
  (settings: ServerOptions["settings"] = shortLeases) =>
  async (folder: string, log: string[]): Promise<StageApi> => {
    const env = {
      DATABASE_URL: await createDatabase(needs("postgres") as string, "e2e_survival"),
      REDIS_URL: needs("redis") as string,
      LONGSHORE_SECRET: randomBytes(32).toString("hex"),
      LONGSHORE_MIGRATE: "1",
      HOST: "127.0.0.1",
    };
    const server = await startServer(env, {
      port: 0,
      dataDir: join(folder, "server"),
      log: (line) => log.push(line),
      settings,
      sweepMs: 500,
    });
    const { apiKey, enrolToken } = server.bootstrap;
    if (apiKey === null) throw new Error("the first start showed no key");
    return { url: server.url, apiKey, enrolToken, close: server.close };
  };
