import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInProcessHints } from "@longshore/edge-api/hints/in-process";
import { openPg } from "@longshore/edge-api/platform/database-pg";
import { migratePgPool } from "@longshore/edge-api/platform/migrate";
import { startServer } from "@longshore/edge-api/platform/node";
import { defaultSettings } from "@longshore/edge-api/platform/settings";
import { createApiKey, ensureWorkspace } from "@longshore/edge-api/services/bootstrap";
import type { Deps, Settings } from "@longshore/edge-api/services/deps";
import { createSignInToken } from "@longshore/edge-api/services/sessions";
import { createDatabase } from "../../../infra/src/services/create-database.ts";
import { startWorkerd } from "../../../infra/src/start-workerd.ts";

/** A running API as the cases see it, and what they need to begin: two environments and a way to sign in. */
export type Platform = {
  url: string;
  /** Root secret of the API's tokens, so that cases can forge what it would never sign. */
  secret: Uint8Array;
  environmentId: string;
  apiKey: string;
  /** Another environment of the same project. */
  otherEnvironmentId: string;
  otherKey: string;
  /** A new one-time token of the owner. */
  signInToken(): Promise<string>;
  close(): Promise<void>;
};

export const databaseServer = process.env.LONGSHORE_TEST_DATABASE_URL;
export const redisServer = process.env.LONGSHORE_TEST_REDIS_URL;

/** Enough of Deps for the verbs that seed a database. */
const seedingDeps = (db: Deps["db"]): Deps => ({
  db,
  hints: createInProcessHints("seed"),
  blobs: { put: async () => undefined, get: async () => null, remove: async () => undefined },
  secret: new Uint8Array(32),
  encryptionKeys: [],
  settings: defaultSettings,
  log: () => undefined,
  later: (work) => void work.catch(() => undefined),
  presence: null,
  groupsCommits: false,
  random: Math.random,
});

const beginOf = async (db: Deps["db"]) => {
  const deps = seedingDeps(db);
  const workspace = await ensureWorkspace(deps, 1_000);
  const named = (slug: string) => {
    const found = workspace.environments.find((environment) => environment.slug === slug);
    if (found === undefined) throw new Error(`no environment ${slug}`);
    return found;
  };
  return {
    environmentId: named("dev").id,
    apiKey: await createApiKey(deps, named("dev"), "test"),
    otherEnvironmentId: named("stg").id,
    otherKey: await createApiKey(deps, named("stg"), "other"),
    signInToken: () => createSignInToken(deps, workspace.userId),
  };
};

const noError = () => undefined;

/** Node, pg and ioredis on a database of its own. */
export const startNodePlatform = async (options: {
  redisUrl: string;
  settings?: Partial<Settings>;
  log?: (line: string) => void;
  env?: Record<string, string>;
}): Promise<Platform & { databaseUrl: string }> => {
  const databaseUrl = await createDatabase(databaseServer ?? "", "http");
  const { db, pool, close: closeSeed } = openPg(databaseUrl, { connectionsMax: 2, onError: noError });
  await migratePgPool(pool);
  const begin = await beginOf(db);
  const secret = randomBytes(32);
  const dataDir = await mkdtemp(join(tmpdir(), "longshore-http-"));
  const server = await startServer(
    {
      DATABASE_URL: databaseUrl,
      REDIS_URL: options.redisUrl,
      LONGSHORE_SECRET: secret.toString("hex"),
      LONGSHORE_DATABASE_CONNECTIONS: "8",
      HOST: "127.0.0.1",
      ...options.env,
    },
    {
      port: 0,
      dataDir,
      log: options.log ?? noError,
      ...(options.settings ? { settings: options.settings } : {}),
    },
  );
  return {
    ...begin,
    url: server.url,
    secret,
    databaseUrl,
    close: async () => {
      await server.close();
      await closeSeed();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
};

/** Node in one process with PGlite and in-process hints. */
export const startEmbeddedPlatform = async (
  options: { env?: Record<string, string> } = {},
): Promise<Platform> => {
  const dataDir = await mkdtemp(join(tmpdir(), "longshore-http-"));
  const secret = randomBytes(32);
  const server = await startServer(
    { LONGSHORE_SECRET: secret.toString("hex"), LONGSHORE_CONCURRENCY: "1000", ...options.env },
    { port: 0, dataDir, log: noError },
  );
  const { bootstrap } = server;
  const signInToken = async () => new URL(await bootstrap.signInUrl()).searchParams.get("token") ?? "";
  const { environmentId, otherEnvironmentId, otherKey } = await findOther(server.url, await signInToken());
  return {
    url: server.url,
    secret,
    environmentId,
    apiKey: bootstrap.apiKey ?? "",
    otherEnvironmentId,
    otherKey,
    signInToken,
    close: async () => {
      await server.close();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
};

/** The embedded server makes one key; the other environment is worked with through a session's token. */
const findOther = async (url: string, signInToken: string) => {
  const signedIn = await fetch(`${url}/api/v1/session/sign-in`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ token: signInToken }),
  });
  const cookie = (signedIn.headers.get("set-cookie") ?? "").split(";")[0] ?? "";
  const { environments } = (await signedIn.json()) as { environments: { id: string; slug: string }[] };
  const idOf = (slug: string) => environments.find((environment) => environment.slug === slug)?.id ?? "";
  const answer = await fetch(`${url}/api/v1/session/environments/${idOf("stg")}/token`, {
    method: "POST",
    headers: { cookie },
  });
  const { token } = (await answer.json()) as { token: string };
  return { environmentId: idOf("dev"), otherEnvironmentId: idOf("stg"), otherKey: token };
};

/** Workerd, Neon's HTTP protocol and Upstash's REST API in front of the same Postgres and Redis. */
export const startWorkerdPlatform = async (options: {
  redisUrl: string;
  env?: Record<string, string>;
}): Promise<Platform> => {
  const databaseUrl = await createDatabase(databaseServer ?? "", "workerd");
  const secret = randomBytes(32);
  const server = await startWorkerd({
    databaseUrl,
    redisUrl: options.redisUrl,
    secret: secret.toString("hex"),
    runningMax: 1_000,
    ...(options.env === undefined ? {} : { env: options.env }),
  });
  const { db, close: closeSeed } = openPg(databaseUrl, { connectionsMax: 1, onError: noError });
  const begin = await beginOf(db);
  return {
    ...begin,
    url: server.url,
    secret,
    close: async () => {
      await server.close();
      await closeSeed();
    },
  };
};
