import { currentHost } from "./host.ts";

/** What an idempotency key is unique within: this run, this attempt of it, or everything. */
export type IdempotencyScope = "run" | "attempt" | "global";

declare const made: unique symbol;
/** A key that `idempotencyKeys.create` made: 64 characters of hex. */
export type IdempotencyKey = string & { readonly [made]: true };

/** What a caller may pass as `idempotencyKey`. */
export type IdempotencyKeyInput = IdempotencyKey | string | readonly string[];

type Origin = { key: string; scope: IdempotencyScope };

/** The dashboard shows what a key was made from; only the latest are remembered. */
const originsMax = 1_000;
const origins = new Map<string, Origin>();

const remember = (key: string, origin: Origin): void => {
  if (origins.size >= originsMax) origins.delete(origins.keys().next().value ?? "");
  origins.set(key, origin);
};

const sha256Hex = async (text: string): Promise<string> => {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
};

/** Outside a task there is no run, so every scope is global. */
const scopeParts = (scope: IdempotencyScope): string[] => {
  const context = currentHost()?.context;
  if (!context || scope === "global") return [];
  return scope === "run" ? [context.run.id] : [context.run.id, String(context.attempt.number)];
};

const create = async (
  key: string | readonly string[],
  options: { scope?: IdempotencyScope } = {},
): Promise<IdempotencyKey> => {
  const scope = options.scope ?? "run";
  const parts = typeof key === "string" ? [key] : [...key];
  const hash = await sha256Hex([...parts, ...scopeParts(scope)].join("-"));
  remember(hash, { key: parts.join("-"), scope });
  return hash as IdempotencyKey;
};

const isMade = (key: IdempotencyKeyInput): key is IdempotencyKey =>
  typeof key === "string" && key.length === 64;

/** The key as it is sent, and what it was made from when this process made it. Plain text gets the run's scope. */
export const resolveIdempotencyKey = async (
  input: IdempotencyKeyInput,
): Promise<{ key: string; origin?: Origin }> => {
  const key = isMade(input) ? input : await create(input);
  const origin = origins.get(key);
  return origin ? { key, origin } : { key };
};

/** Makes keys that keep a run from being triggered twice. Source: the life-cycle reference, 3.7. */
export const idempotencyKeys = { create };
