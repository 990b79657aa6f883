import { randomBytes } from "node:crypto";
import { createInProcessHints } from "@longshore/edge-api/hints/in-process";
import { openPg } from "@longshore/edge-api/platform/database-pg";
import { migratePgPool } from "@longshore/edge-api/platform/migrate";
import { defaultSettings } from "@longshore/edge-api/platform/settings";
import { createEnrolToken } from "@longshore/edge-api/services/agents";
import { createApiKey, ensureWorkspace } from "@longshore/edge-api/services/bootstrap";
import type { Deps } from "@longshore/edge-api/services/deps";
import { createSignInToken } from "@longshore/edge-api/services/sessions";
import { Miniflare } from "miniflare";
import { bundleWorker, readWorkerSettings } from "./bundle-worker.ts";
import { type NeonProxy, startNeonProxy } from "./stand-ins/neon-proxy.ts";
import { startUpstashGateway, type UpstashGateway } from "./stand-ins/upstash-gateway.ts";

/** How often Cloudflare would call the cron trigger. Units: milliseconds. */
const SWEEP_MS = 60_000;

/** The API on workerd, and what a person or a local agent needs to begin. */
export interface WorkerdServer {
  url: string;
  environmentId: string;
  projectRef: string;
  /** A new key of the environment: `startWorkerd` makes one each time. */
  apiKey: string;
  enrolToken(): Promise<string>;
  signInUrl(): Promise<string>;
  /** What the cron trigger does once a minute; it is also called at that pace here. */
  sweep(): Promise<void>;
  close(): Promise<void>;
}

/** Where the real Postgres and Redis are. `secret` signs tokens: 32 bytes in hex. `assetsDir` is a built dashboard. */
export interface WorkerdOptions {
  databaseUrl: string;
  redisUrl: string;
  secret?: string;
  assetsDir?: string;
  port?: number;
  runningMax?: number;
  /** Further variables of the Worker. */
  env?: Record<string, string>;
}

/**
 * Runs the Worker on workerd (Miniflare) against a real Postgres behind Neon's HTTP protocol and a real Redis behind
 * Upstash's, as it would run on Cloudflare. Migrates the database.
 *
 * Errors: a database that does not answer, a taken port; nothing is left running then.
 */
export async function startWorkerd(options: WorkerdOptions): Promise<WorkerdServer> {
  const endings: (() => Promise<void>)[] = [];
  const close = async () => {
    for (const end of endings.splice(0).reverse()) await end();
  };
  try {
    const { db, pool, close: closeDatabase } = openPg(options.databaseUrl, { connectionsMax: 2, onError });
    endings.push(closeDatabase);
    await migratePgPool(pool);
    const neon = await startNeonProxy({ databaseUrl: options.databaseUrl });
    endings.push(() => neon.close());
    const token = randomBytes(16).toString("hex");
    const upstash = await startUpstashGateway({ redisUrl: options.redisUrl, token });
    endings.push(() => upstash.close());
    const worker = await startWorker(options, neon, upstash);
    endings.push(() => worker.dispose());
    const url = (await worker.ready).href.replace(/\/$/, "");
    const sweep = async () => {
      await (await worker.getWorker()).scheduled({ cron: "* * * * *" });
    };
    const timer = setInterval(() => void sweep().catch(() => undefined), SWEEP_MS);
    endings.push(async () => clearInterval(timer));
    return { ...(await begin(seedingDeps(db), url, options.runningMax ?? 100)), url, sweep, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** An idle connection that Postgres ends is replaced at the next query. */
const onError = () => undefined;

async function startWorker(
  options: WorkerdOptions,
  neon: NeonProxy,
  upstash: UpstashGateway,
): Promise<Miniflare> {
  const bundle = await bundleWorker();
  return new Miniflare({
    ...readWorkerSettings(),
    modules: [{ type: "ESModule", path: bundle }],
    host: "127.0.0.1",
    port: options.port ?? 0,
    // Without this Miniflare asks Cloudflare what its `request.cf` looks like.
    cf: false,
    r2Buckets: ["BLOBS"],
    bindings: {
      DATABASE_URL: neon.connectionString,
      NEON_ENDPOINT: `${neon.url}/sql`,
      UPSTASH_REDIS_REST_URL: upstash.url,
      UPSTASH_REDIS_REST_TOKEN: upstash.token,
      LONGSHORE_SECRET: options.secret ?? randomBytes(32).toString("hex"),
      ...options.env,
    },
    ...(options.assetsDir === undefined ? {} : { assets: assetsOf(options.assetsDir) }),
  });
}

/** The Worker sees each request first and hands on what is not the API's. */
function assetsOf(directory: string) {
  return {
    directory,
    binding: "ASSETS",
    routerConfig: { has_user_worker: true, invoke_user_worker_ahead_of_assets: true },
    assetConfig: { not_found_handling: "single-page-application" as const },
  };
}

/** Enough of the API's parts for the verbs that make the first project; they only write to the database. */
function seedingDeps(db: Deps["db"]): Deps {
  return {
    db,
    hints: createInProcessHints("seeding"),
    blobs: { put: async () => undefined, get: async () => null, remove: async () => undefined },
    secret: new Uint8Array(32),
    encryptionKeys: [],
    settings: defaultSettings,
    log: () => undefined,
    later: (work) => void work.catch(() => undefined),
    presence: null,
    groupsCommits: false,
    random: Math.random,
  };
}

async function begin(deps: Deps, url: string, runningMax: number) {
  const workspace = await ensureWorkspace(deps, runningMax);
  const environment = workspace.environments.find(({ slug }) => slug === "dev") ?? workspace.environments[0];
  if (environment === undefined) throw new Error("the project has no environment");
  return {
    environmentId: environment.id,
    projectRef: workspace.projectRef,
    apiKey: await createApiKey(deps, environment, "local workerd"),
    enrolToken: async () => (await createEnrolToken(deps, environment.id)).token,
    signInUrl: async () => `${url}/sign-in?token=${await createSignInToken(deps, workspace.userId)}`,
  };
}
