import { ambientApi } from "./configure.ts";
import { currentHost } from "./host.ts";
import type { Api } from "./http/api.ts";
import { recordDecoder } from "./http/record-decoder.ts";
import { callParts, type RequestOptions } from "./http/request-options.ts";

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

/** Lower-case hex. */
export const sha256Hex = async (text: string): Promise<string> => {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
};

type RunOfKey = { parentRunId?: string | undefined; attemptNumber?: number | undefined };

/** Which run, and which attempt of it, a key of this scope belongs to; undefined where none is known. */
const scopeParts = (scope: IdempotencyScope, given: RunOfKey = {}): string[] | undefined => {
  if (scope === "global") return [];
  const context = currentHost()?.context;
  const runId = given.parentRunId ?? context?.run.id;
  if (runId === undefined) return undefined;
  if (scope === "run") return [runId];
  const attempt = given.attemptNumber ?? context?.attempt.number;
  return attempt === undefined ? undefined : [runId, String(attempt)];
};

const partsOf = (key: string | readonly string[]): string[] => (typeof key === "string" ? [key] : [...key]);

const create = async (
  key: string | readonly string[],
  options: { scope?: IdempotencyScope } = {},
): Promise<IdempotencyKey> => {
  const scope = options.scope ?? "run";
  const parts = partsOf(key);
  // Outside a task there is no run, so every scope is global.
  const hash = await sha256Hex([...parts, ...(scopeParts(scope) ?? [])].join("-"));
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

/** Which key to forget. Without `scope` a key that was made is taken as it is, any other as one of the running task's run. */
export type ResetKeyOptions = RunOfKey & { scope?: IdempotencyScope | undefined };

const keyToReset = async (key: IdempotencyKeyInput, options: ResetKeyOptions): Promise<string> => {
  if (isMade(key) && (options.scope === undefined || origins.has(key))) return key;
  const scope = options.scope ?? "run";
  const parts = scopeParts(scope, options);
  if (!parts) {
    throw new TypeError(
      `idempotencyKeys.reset: outside a task a key of the scope "${scope}" needs the run it belongs to: pass parentRunId` +
        `${scope === "attempt" ? " and attemptNumber" : ""}, or { scope: "global" } for one that was made outside a task`,
    );
  }
  return sha256Hex([...partsOf(key), ...parts].join("-"));
};

const resetAnswer = recordDecoder<{ id: string }>("a reset's answer", ["id"]);

/** The keys of an environment. */
export type IdempotencyKeysClient = {
  /** Forgets a task's key, so that the next trigger with it makes a new run. Errors: NotFoundError when there is none. */
  reset(
    taskId: string,
    key: IdempotencyKeyInput,
    options?: ResetKeyOptions,
    requestOptions?: RequestOptions,
  ): Promise<{ id: string }>;
};

/** Binds the noun to an API. */
export const idempotencyKeysOf = (api: () => Api): IdempotencyKeysClient => ({
  reset: async (taskId, key, options = {}, requestOptions) => {
    const hash = await keyToReset(key, options);
    return api().request(resetAnswer, "POST", `/api/v1/idempotencyKeys/${encodeURIComponent(hash)}/reset`, {
      ...callParts(requestOptions),
      body: { taskIdentifier: taskId },
    });
  },
});

/** Makes keys that keep a run from being triggered twice, and forgets them. Source: the life-cycle reference, 3.7. */
export const idempotencyKeys = { create, ...idempotencyKeysOf(ambientApi) };
