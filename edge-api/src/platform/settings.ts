import { bundleBytesMax } from "@longshore/shared/contract/deployments";
import { z } from "zod";
import type { Rate } from "../hints/buckets.ts";
import type { Settings } from "../services/deps.ts";

/** Times that both platforms share; rates come from variables. Units: milliseconds; reasons in docs/configuration.md. */
export const defaultSettings: Settings = {
  beatMs: 10_000,
  leaseMs: 30_000,
  silentMs: 35_000,
  startMs: 60_000,
  holdMs: 50_000,
  clientAddressHeader: null,
  assembleBytesMax: bundleBytesMax,
  queueDepthMax: 1_000_000,
  keyRate: null,
  publicRate: null,
};

/** The secret that signs tokens: at least 32 bytes, in hex or base64. */
export const SecretText = z
  .string("should be at least 32 random bytes in hex or base64, such as the output of: openssl rand -hex 32")
  .transform((text, ctx) => {
    const bytes = /^[0-9a-f]+$/i.test(text) && text.length % 2 === 0 ? fromHex(text) : fromBase64(text);
    if (bytes !== null && bytes.length >= 32) return bytes;
    ctx.addIssue(
      "should be at least 32 random bytes in hex or base64, such as the output of: openssl rand -hex 32",
    );
    return z.NEVER;
  });

/** The variables of encryption at rest, which both platforms read. */
export const encryptionVariables = {
  LONGSHORE_ENCRYPTION_KEY: SecretText.optional(),
  LONGSHORE_ENCRYPTION_KEYS_OLD: z
    .string()
    .transform((text) => text.split(",").map((part) => part.trim()))
    .pipe(z.array(SecretText))
    .optional(),
};

/** The roots of sealing keys, newest first. The secret opens what was sealed before there was a key of its own. */
export const readEncryptionKeys = (
  v: {
    LONGSHORE_ENCRYPTION_KEY?: Uint8Array | undefined;
    LONGSHORE_ENCRYPTION_KEYS_OLD?: Uint8Array[] | undefined;
  },
  secret: Uint8Array,
): Uint8Array[] => {
  const newest = v.LONGSHORE_ENCRYPTION_KEY === undefined ? [] : [v.LONGSHORE_ENCRYPTION_KEY];
  const old = v.LONGSHORE_ENCRYPTION_KEYS_OLD ?? [];
  return newest.length > 0 ? [...newest, ...old, secret] : [secret, ...old];
};

const requests = z.coerce
  .number("should be a number of requests a second, or 0 for no limit")
  .min(0, "should be 0 or more")
  .max(1_000_000, "should be at most 1000000");

/** The variables of limits, which both platforms read. */
export const limitVariables = {
  LONGSHORE_QUEUE_DEPTH: requests
    .int("should be a whole number")
    .min(1, "should be at least 1")
    .max(100_000_000, "should be at most 100000000")
    .optional(),
  LONGSHORE_RATE_LIMIT: requests.optional(),
  LONGSHORE_RATE_BURST: requests.int("should be a whole number").min(1, "should be at least 1").optional(),
  LONGSHORE_PUBLIC_RATE_LIMIT: requests.optional(),
};

const rateOf = (perSecond: number, burst: number): Rate | null =>
  perSecond === 0 ? null : { perSecond, burst: Math.max(1, Math.round(burst)) };

/** The limits that the variables set. A key may save up half a minute, a public token ten seconds. */
export const readLimits = (
  v: {
    [name in keyof typeof limitVariables]?: number | undefined;
  },
): Pick<Settings, "keyRate" | "publicRate" | "queueDepthMax"> => {
  const key = v.LONGSHORE_RATE_LIMIT ?? 250;
  const open = v.LONGSHORE_PUBLIC_RATE_LIMIT ?? 25;
  return {
    keyRate: rateOf(key, v.LONGSHORE_RATE_BURST ?? 30 * key),
    publicRate: rateOf(open, 10 * open),
    queueDepthMax: v.LONGSHORE_QUEUE_DEPTH ?? defaultSettings.queueDepthMax,
  };
};

const fromHex = (text: string): Uint8Array =>
  new Uint8Array((text.match(/../g) ?? []).map((pair) => Number.parseInt(pair, 16)));

const fromBase64 = (text: string): Uint8Array | null => {
  try {
    return Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
  } catch {
    return null;
  }
};

/** A variable of the environment that is missing or malformed; `message` names each and what it should be. */
export class ConfigError extends Error {
  constructor(issues: readonly { path: PropertyKey[]; message: string }[]) {
    super(issues.map(({ path, message }) => `${path.map(String).join(".")} ${message}`).join("\n"));
    this.name = "ConfigError";
  }
}
