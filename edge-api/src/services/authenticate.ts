import { AppError } from "@longshore/shared/core/error-codes";
import {
  findApiKey,
  findKeyEnd,
  findPersonalToken,
  isLeaseLive,
  type KeyRow,
} from "../db/queries/find-credentials.ts";
import { isGranted, type Resource } from "../domain/scopes.ts";
import type { Deps } from "./deps.ts";
import { hashCredential, hashToken } from "./hash-token.ts";
import { ShortCache } from "./short-cache.ts";
import { type TokenClaims, verifyToken } from "./tokens.ts";

/** The kinds of caller of the client API. `person`: a personal token, within an environment that its owner may see. */
export type PrincipalKind = "key" | "token" | "run" | "person";

/** Who calls: always within one environment. `scopes` null = everything in it. */
export type Principal = {
  kind: PrincipalKind;
  environmentId: string;
  scopes: readonly string[] | null;
  /** The API key that calls, or that the token was made with: tokens made for its holder end with it. */
  keyId?: string;
  /** What a public token says of realtime feeds; tokens made for its holder say the same. */
  realtime?: TokenClaims["realtime"];
  /** Set for a token of one use. */
  oneTime?: { id: string; expiresAtS: number };
};

/** A caller, and which of its credentials it sent: rate limits count by that. */
export type Caller = Principal & { credentialId: string };

/** A person who calls with a personal token. */
export type Person = { userId: string; credentialId: string };

/** How long a credential is trusted without asking again; a revoked one works no longer than this. Units: milliseconds. */
const cacheMs = 5_000;
const cachedMax = 10_000;
/**
 * How long it is known that a key works no more: it does not again, unless a backup is restored, and its tokens cost no
 * statement. Units: milliseconds.
 */
const endedMs = 300_000;

type Timed<T> = T & { endsAtMs: number };
type Caches = {
  keys: ShortCache<Timed<KeyRow>>;
  /** Keys by their ids, for the tokens that were made with them. */
  makers: ShortCache<Timed<object> | "ended">;
  people: ShortCache<Timed<Person>>;
};
const caches = new WeakMap<Deps["db"], Caches>();

const cachesOf = (db: Deps["db"]): Caches => {
  const known = caches.get(db) ?? {
    keys: new ShortCache(cacheMs, cachedMax),
    makers: new ShortCache((maker) => (maker === "ended" ? endedMs : cacheMs), cachedMax),
    people: new ShortCache(cacheMs, cachedMax),
  };
  caches.set(db, known);
  return known;
};

/** Forgets a revoked credential, and a key's tokens: this process asks the database at their next use. */
export const forgetCredential = (deps: Pick<Deps, "db">, hash: string, keyId?: string): void => {
  const { keys, makers, people } = cachesOf(deps.db);
  keys.deletePrefix(hash);
  people.delete(hash);
  if (keyId !== undefined) makers.delete(keyId);
};

/** What has an end of its own ends then, also while it is remembered. */
const timed = <T extends { endsInMs: number | null }>(row: T): Timed<T> => ({
  ...row,
  endsAtMs: row.endsInMs === null ? Number.POSITIVE_INFINITY : performance.now() + row.endsInMs,
});

const isOver = ({ endsAtMs }: { endsAtMs: number }): boolean => endsAtMs <= performance.now();

const refused = () => new AppError("unauthorized", "Invalid or Missing API key");

const bearer = (header: string | undefined): string => {
  const match = /^Bearer\s+(\S+)$/i.exec(header ?? "");
  if (match?.[1] === undefined) throw refused();
  return match[1];
};

const isJwt = (token: string): boolean => token.split(".").length === 3;
const personalPrefix = "tr_pat_";

/** Whether the header carries a personal token; whether it is a live one is another question. */
export const isPersonal = (header: string | undefined): boolean => /^Bearer\s+tr_pat_/i.test(header ?? "");

/**
 * Reads the `authorization` header of the client API. `branch` chooses a branch of a preview environment.
 * Errors: `unauthorized` for anything that is no live key or token of this API; `not_found` for an unknown branch.
 */
export const authenticate = async (
  deps: Deps,
  header: string | undefined,
  branch: string | null = null,
): Promise<Caller> => {
  const token = bearer(header);
  if (isJwt(token)) return authenticateToken(deps, token);
  if (token.startsWith(personalPrefix)) {
    throw new AppError(
      "unauthorized",
      "A personal access token does not open this route; send a key or token of the environment.",
    );
  }
  const keyHash = await hashCredential(token);
  const row = await cachesOf(deps.db).keys.get(`${keyHash}\n${branch ?? ""}`, async () => {
    const found = await findApiKey(deps.db, keyHash, branch);
    return found === null ? null : timed(found);
  });
  if (row === null || isOver(row)) throw refused();
  if (row.environmentId === null) {
    throw new AppError("not_found", `This preview environment has no branch "${branch}".`, {
      shouldRetry: false,
    });
  }
  return {
    kind: "key",
    environmentId: row.environmentId,
    scopes: row.scopes,
    keyId: row.id,
    credentialId: row.id,
  };
};

/**
 * Who revokes a key that has leaked ends its tokens too; keys that were made with it are in the list of keys. Cost: as for a
 * key, and one statement in five minutes once that has ended. Only the database says that: a key in its grace is asked for until then.
 */
const requireMaker = async (deps: Deps, keyId: string | undefined): Promise<void> => {
  if (keyId === undefined) return;
  const maker = await cachesOf(deps.db).makers.get(keyId, async () => {
    const found = await findKeyEnd(deps.db, keyId);
    return found === null ? "ended" : timed(found);
  });
  if (maker === null || maker === "ended" || isOver(maker)) {
    throw new AppError(
      "unauthorized",
      "The key that this Public Access Token was made with was revoked or has expired.",
    );
  }
};

const authenticateToken = async (deps: Deps, token: string): Promise<Caller> => {
  const claims = await verifyToken(deps, token);
  if (claims === "expired") {
    throw new AppError("unauthorized", "Public Access Token has expired. Create a new one and try again.");
  }
  if (claims === "invalid") throw new AppError("unauthorized", "Public Access Token is invalid.");
  const common = {
    environmentId: claims.sub,
    scopes: claims.scopes,
    ...(claims.realtime === undefined ? {} : { realtime: claims.realtime }),
    ...(claims.key === undefined ? {} : { keyId: claims.key }),
  };
  await requireMaker(deps, claims.key);
  if (claims.token_use === "run") return authenticateRun(deps, claims, common);
  const credentialId = `token:${await hashToken(token)}`;
  if (claims.otu !== true) return { kind: "token", ...common, credentialId };
  // Without a name of its own a one-time token could be used as often as its signature can be spelled.
  if (claims.jti === undefined) throw new AppError("unauthorized", "Public Access Token is invalid.");
  return { kind: "token", ...common, credentialId, oneTime: { id: claims.jti, expiresAtS: claims.exp ?? 0 } };
};

const authenticateRun = async (
  deps: Deps,
  claims: TokenClaims,
  common: Pick<Principal, "environmentId" | "scopes">,
): Promise<Caller> => {
  const lease = { runId: claims.run ?? "", epoch: claims.epoch ?? -1, environmentId: claims.sub };
  if (!(await isLeaseLive(deps.db, lease)))
    throw new AppError("unauthorized", "The run this token belongs to is over.");
  return { kind: "run", ...common, credentialId: lease.runId };
};

/** Reads a personal token. Errors: `unauthorized` for anything else, and for one that was revoked or has expired. */
export const authenticatePerson = async (deps: Deps, header: string | undefined): Promise<Person> => {
  const token = bearer(header);
  if (!token.startsWith(personalPrefix)) {
    throw new AppError("unauthorized", "This route asks for a personal access token (tr_pat_…).");
  }
  const tokenHash = await hashToken(token);
  const person = await cachesOf(deps.db).people.get(tokenHash, async () => {
    const found = await findPersonalToken(deps.db, tokenHash);
    return found === null ? null : timed({ ...found, credentialId: found.id });
  });
  if (person === null || isOver(person))
    throw new AppError("unauthorized", "The personal access token is invalid, expired or revoked.");
  return { userId: person.userId, credentialId: person.credentialId };
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
