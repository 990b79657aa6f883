import { AppError } from "@longshore/shared/core/error-codes";
import { findApiKey, isLeaseLive, type KeyRow } from "../db/queries/find-credentials.ts";
import { isGranted, type Resource } from "../domain/scopes.ts";
import type { Deps } from "./deps.ts";
import { hashToken } from "./hash-token.ts";
import { ShortCache } from "./short-cache.ts";
import { verifyToken } from "./tokens.ts";

/** Who calls: always within one environment. `scopes` null = everything in it. */
export type Principal = {
  kind: "key" | "token" | "run";
  environmentId: string;
  scopes: readonly string[] | null;
};

/** How long a key is trusted without asking again; a revoked one works no longer than this. Units: milliseconds. */
const keyCacheMs = 5_000;
const keyCaches = new WeakMap<Deps["db"], ShortCache<KeyRow>>();

const cacheOf = (db: Deps["db"]): ShortCache<KeyRow> => {
  const known = keyCaches.get(db) ?? new ShortCache<KeyRow>(keyCacheMs, 10_000);
  keyCaches.set(db, known);
  return known;
};

const bearer = (header: string | undefined): string => {
  const match = /^Bearer\s+(\S+)$/i.exec(header ?? "");
  if (match?.[1] === undefined) throw new AppError("unauthorized", "Invalid or Missing API key");
  return match[1];
};

const isJwt = (token: string): boolean => token.split(".").length === 3;

/**
 * Reads the `authorization` header of the client API.
 * Errors: `unauthorized` for anything that is no live key or token of this API.
 */
export const authenticate = async (deps: Deps, header: string | undefined): Promise<Principal> => {
  const token = bearer(header);
  if (isJwt(token)) return authenticateToken(deps, token);
  const keyHash = await hashToken(token);
  const row = await cacheOf(deps.db).get(keyHash, () => findApiKey(deps.db, keyHash));
  if (row === null) throw new AppError("unauthorized", "Invalid or Missing API key");
  return { kind: "key", environmentId: row.environmentId, scopes: row.scopes };
};

const authenticateToken = async (deps: Deps, token: string): Promise<Principal> => {
  const claims = await verifyToken(deps, token);
  if (claims === "expired") {
    throw new AppError("unauthorized", "Public Access Token has expired. Create a new one and try again.");
  }
  if (claims === "invalid") throw new AppError("unauthorized", "Public Access Token is invalid.");
  if (claims.token_use !== "run") return { kind: "token", environmentId: claims.sub, scopes: claims.scopes };
  const lease = { runId: claims.run ?? "", epoch: claims.epoch ?? -1, environmentId: claims.sub };
  if (!(await isLeaseLive(deps.db, lease)))
    throw new AppError("unauthorized", "The run this token belongs to is over.");
  return { kind: "run", environmentId: claims.sub, scopes: claims.scopes };
};

/** Errors: `forbidden` for a run: its code must not change what the environment executes, or who executes it. */
export const requireOutsider = (principal: Principal): void => {
  if (principal.kind === "run") throw new AppError("forbidden", "Unauthorized");
};

/** Errors: `forbidden`, in the words the client packages know, unless a scope grants one of the resources. */
export const requireScope = (principal: Principal, action: string, resources: readonly Resource[]): void => {
  if (isGranted(principal.scopes, action, resources)) return;
  throw new AppError("forbidden", "Unauthorized");
};
