import { z } from "zod";
import type { Settings } from "../services/deps.ts";

/** Times that both platforms share. Units: milliseconds; reasons in docs/configuration.md. */
export const defaultSettings: Settings = {
  beatMs: 10_000,
  leaseMs: 30_000,
  silentMs: 35_000,
  startMs: 60_000,
  holdMs: 50_000,
  queueDepthMax: 1_000_000,
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
