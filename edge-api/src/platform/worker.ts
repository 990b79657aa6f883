import type { ExecutionContext, Fetcher, R2Bucket, ScheduledController } from "@cloudflare/workers-types";
import { Redis } from "@upstash/redis/cloudflare";
import { z } from "zod";
import { createUpstashHints } from "../hints/upstash.ts";
import { createApp } from "../routes/app.ts";
import type { BlobStore, Deps } from "../services/deps.ts";
import { sweep } from "../services/sweep.ts";
import { openNeon } from "./database-neon.ts";
import {
  ConfigError,
  defaultSettings,
  encryptionVariables,
  limitVariables,
  readEncryptionKeys,
  readLimits,
  SecretText,
} from "./settings.ts";

/** Bindings and variables of the Worker, as wrangler.toml names them. */
type Bindings = { BLOBS: R2Bucket; ASSETS?: Fetcher };

const Variables = z.object({
  DATABASE_URL: z.string("should be a Postgres address of Neon").min(1),
  NEON_ENDPOINT: z.url("should be the address of a Neon-compatible SQL endpoint").optional(),
  UPSTASH_REDIS_REST_URL: z.url("should be the address of Redis' REST API"),
  UPSTASH_REDIS_REST_TOKEN: z.string("should be the token of Redis' REST API").min(1),
  LONGSHORE_SECRET: SecretText,
  ...limitVariables,
  ...encryptionVariables,
});

/** Shorter than the usual time-outs of proxies in front of a Worker. Units: milliseconds. */
const holdMs = 25_000;
/** Set by Cloudflare on every request, whatever the caller sent. */
const clientAddressHeader = "cf-connecting-ip";
/** An isolate has 128 MB for all its requests. Units: bytes. */
const assembleBytesMax = 64 * 1024 * 1024;

const createR2Blobs = (bucket: R2Bucket): BlobStore => ({
  put: async (key, bytes, contentType) => {
    await bucket.put(key, bytes, contentType === undefined ? {} : { httpMetadata: { contentType } });
  },
  get: async (key) => {
    const object = await bucket.get(key);
    if (object === null) return null;
    const body = object.body as unknown as ReadableStream<Uint8Array>;
    return { body, size: object.size, contentType: object.httpMetadata?.contentType ?? null };
  },
  remove: (key) => bucket.delete(key),
});

const makeDeps = (env: Bindings): Omit<Deps, "later"> => {
  const parsed = Variables.safeParse(env);
  if (!parsed.success) throw new ConfigError(parsed.error.issues);
  const v = parsed.data;
  const endpoint = { url: v.UPSTASH_REDIS_REST_URL, token: v.UPSTASH_REDIS_REST_TOKEN };
  // One try: a hint is not worth waiting for. Values stay text: a version is not a number to anyone.
  const redis = new Redis({ ...endpoint, automaticDeserialization: false, retry: { retries: 0 } });
  return {
    db: openNeon(v.DATABASE_URL, v.NEON_ENDPOINT),
    hints: createUpstashHints(redis, endpoint),
    blobs: createR2Blobs(env.BLOBS),
    secret: v.LONGSHORE_SECRET,
    encryptionKeys: readEncryptionKeys(v, v.LONGSHORE_SECRET),
    settings: { ...defaultSettings, ...readLimits(v), holdMs, assembleBytesMax, clientAddressHeader },
    log: (event, fields) => console.log(JSON.stringify({ event, ...fields })),
    presence: null,
    groupsCommits: false,
    random: Math.random,
  };
};

// The clients behind Deps keep no connections, so one set serves all requests of an isolate.
const known = new WeakMap<object, Omit<Deps, "later">>();
const depsFor = (env: Bindings): Omit<Deps, "later"> => {
  const deps = known.get(env) ?? makeDeps(env);
  known.set(env, deps);
  return deps;
};

const app = createApp((env, later) => ({ ...depsFor(env as Bindings), later }));
app.get("*", async (c) => {
  const { ASSETS } = c.env as unknown as Bindings;
  if (ASSETS === undefined) return c.text("The dashboard is not bundled with this Worker.\n", 404);
  const asset = (await ASSETS.fetch(c.req.url)) as unknown as Response;
  // What came from elsewhere takes no headers of ours.
  return new Response(asset.body, asset);
});

/** The Worker: the API by request, and the sweep once a minute for when nobody polls. */
export default {
  fetch: (request: Request, env: Bindings, ctx: ExecutionContext) => app.fetch(request, env, ctx),
  scheduled: async (_event: ScheduledController, env: Bindings, ctx: ExecutionContext) => {
    const later = (work: Promise<unknown>) => ctx.waitUntil(work);
    await sweep({ ...depsFor(env), later });
  },
};
