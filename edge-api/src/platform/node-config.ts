import { z } from "zod";
import type { Settings } from "../services/deps.ts";
import type { S3Options } from "./blobs-s3.ts";
import {
  ConfigError,
  encryptionVariables,
  limitVariables,
  readEncryptionKeys,
  readLimits,
  SecretText,
} from "./settings.ts";

const port = z.coerce
  .number("should be a port number")
  .int("should be a port number")
  .min(0, "should be a port from 0 to 65535")
  .max(65_535, "should be a port from 0 to 65535");
const count = (max: number) =>
  z.coerce
    .number(`should be a number from 1 to ${max}`)
    .int()
    .min(1, `should be at least 1`)
    .max(max, `should be at most ${max}`);
const address = (schemes: string[], example: string) =>
  z
    .string()
    .refine(
      (text) => URL.canParse(text) && schemes.includes(new URL(text).protocol),
      `should be an address such as ${example}`,
    );

const Variables = z.object({
  PORT: port.default(3030),
  HOST: z.string().min(1).optional(),
  DATABASE_URL: address(["postgres:", "postgresql:"], "postgres://user:password@host:5432/name").optional(),
  LONGSHORE_DATABASE_CONNECTIONS: count(1_000).default(10),
  LONGSHORE_MIGRATE: z.enum(["0", "1"], "should be 0 or 1").optional(),
  REDIS_URL: address(["redis:", "rediss:"], "redis://host:6379").optional(),
  LONGSHORE_SECRET: SecretText.optional(),
  LONGSHORE_DATA: z.string().min(1).default(".longshore"),
  LONGSHORE_CLIENT_ADDRESS_HEADER: z
    .string()
    .regex(/^[A-Za-z0-9-]+$/, "should be the name of a header, such as x-forwarded-for")
    .optional(),
  LONGSHORE_PUBLIC_URL: address(["http:", "https:"], "https://longshore.example.com").optional(),
  LONGSHORE_S3_ENDPOINT: address(["http:", "https:"], "https://s3.eu-central-1.amazonaws.com").optional(),
  LONGSHORE_S3_BUCKET: z.string().min(1).optional(),
  LONGSHORE_S3_REGION: z.string().min(1).default("auto"),
  LONGSHORE_S3_ACCESS_KEY_ID: z.string().min(1).optional(),
  LONGSHORE_S3_SECRET_ACCESS_KEY: z.string().min(1).optional(),
  LONGSHORE_CONCURRENCY: count(100_000).default(100),
  ...limitVariables,
  ...encryptionVariables,
  LONGSHORE_PRINT_SIGN_IN: z.enum(["0", "1"], "should be 0 or 1").optional(),
});

/** The Node server's configuration, frozen. */
export type NodeConfig = Readonly<{
  port: number;
  host: string;
  databaseUrl: string | null;
  connectionsMax: number;
  migrates: boolean;
  redisUrl: string | null;
  /** Null in embedded mode: one is made and kept in the data folder. */
  secret: Uint8Array | null;
  dataDir: string;
  publicUrl: string | null;
  runningMax: number;
  printsSignIn: boolean;
  /** Null: blobs lie on disk, in the data folder. */
  s3: S3Options | null;
  /** Roots of sealing keys, newest first, given the secret. */
  encryptionKeys(secret: Uint8Array): Uint8Array[];
  limits: Pick<Settings, "keyRate" | "publicRate" | "queueDepthMax" | "clientAddressHeader">;
}>;

const s3Of = (v: z.infer<typeof Variables>): S3Options | null => {
  const named = {
    LONGSHORE_S3_ENDPOINT: v.LONGSHORE_S3_ENDPOINT,
    LONGSHORE_S3_BUCKET: v.LONGSHORE_S3_BUCKET,
    LONGSHORE_S3_ACCESS_KEY_ID: v.LONGSHORE_S3_ACCESS_KEY_ID,
    LONGSHORE_S3_SECRET_ACCESS_KEY: v.LONGSHORE_S3_SECRET_ACCESS_KEY,
  };
  const missing = Object.entries(named).filter(([, value]) => value === undefined);
  if (missing.length === Object.keys(named).length) return null;
  if (missing.length > 0) {
    const message = "is missing: the variables LONGSHORE_S3_* belong together";
    throw new ConfigError(missing.map(([name]) => ({ path: [name], message })));
  }
  return {
    endpoint: v.LONGSHORE_S3_ENDPOINT ?? "",
    bucket: v.LONGSHORE_S3_BUCKET ?? "",
    region: v.LONGSHORE_S3_REGION,
    accessKeyId: v.LONGSHORE_S3_ACCESS_KEY_ID ?? "",
    secretAccessKey: v.LONGSHORE_S3_SECRET_ACCESS_KEY ?? "",
  };
};

/**
 * Reads the environment. Without DATABASE_URL the server is embedded: Postgres inside the process, for this machine only.
 * Errors: `ConfigError` that names each variable and what it should be.
 */
export const readNodeConfig = (env: Record<string, string | undefined>): NodeConfig => {
  const given = Object.fromEntries(
    Object.entries(env).filter(([, value]) => value !== undefined && value !== ""),
  );
  const parsed = Variables.safeParse(given);
  if (!parsed.success) throw new ConfigError(parsed.error.issues);
  const v = parsed.data;
  const isEmbedded = v.DATABASE_URL === undefined;
  if (!isEmbedded && v.LONGSHORE_SECRET === undefined) {
    const message =
      "is missing: it should be at least 32 random bytes in hex or base64, such as the output of: openssl rand -hex 32";
    throw new ConfigError([{ path: ["LONGSHORE_SECRET"], message }]);
  }
  return Object.freeze({
    port: v.PORT,
    host: v.HOST ?? (isEmbedded ? "127.0.0.1" : "0.0.0.0"),
    databaseUrl: v.DATABASE_URL ?? null,
    connectionsMax: v.LONGSHORE_DATABASE_CONNECTIONS,
    migrates: v.LONGSHORE_MIGRATE === undefined ? isEmbedded : v.LONGSHORE_MIGRATE === "1",
    redisUrl: v.REDIS_URL ?? null,
    secret: v.LONGSHORE_SECRET ?? null,
    dataDir: v.LONGSHORE_DATA,
    publicUrl: v.LONGSHORE_PUBLIC_URL ?? null,
    runningMax: v.LONGSHORE_CONCURRENCY,
    s3: s3Of(v),
    printsSignIn: v.LONGSHORE_PRINT_SIGN_IN === undefined ? isEmbedded : v.LONGSHORE_PRINT_SIGN_IN === "1",
    encryptionKeys: (secret: Uint8Array) => readEncryptionKeys(v, secret),
    limits: { ...readLimits(v), clientAddressHeader: v.LONGSHORE_CLIENT_ADDRESS_HEADER ?? null },
  });
};
