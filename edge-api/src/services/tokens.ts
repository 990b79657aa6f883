import { decodeJwt, jwtVerify, SignJWT } from "jose";
import { z } from "zod";
import type { Deps } from "./deps.ts";

/** Issuer and audience that the client packages expect. Source: the client wire contract, 2.2. */
const issuer = "https://id.trigger.dev";
const audience = "https://api.trigger.dev";

const Claims = z.object({
  sub: z.string(),
  scopes: z.array(z.string()).default([]),
  pub: z.boolean().optional(),
  token_use: z.literal("run").optional(),
  run: z.string().optional(),
  epoch: z.int().optional(),
  /** One-time: `jti` names it, since the text of a signature can be written in several ways. */
  otu: z.boolean().optional(),
  jti: z.string().optional(),
  /** The API key that it was made with: it ends with that. */
  key: z.string().optional(),
  exp: z.number().optional(),
  realtime: z.object({ skipColumns: z.array(z.string()).optional() }).optional(),
});
export type TokenClaims = z.infer<typeof Claims>;

/** Keys are derived anew when more environments than this sign at once. */
const keysMax = 10_000;
type Key = { bytes: Uint8Array; imported: CryptoKey };
const keys = new WeakMap<Uint8Array, Map<string, Key>>();
const hmac = { name: "HMAC", hash: "SHA-256" } as const;

const deriveKey = async (secret: Uint8Array, environmentId: string): Promise<Key> => {
  const root = await crypto.subtle.importKey("raw", new Uint8Array(secret), hmac, false, ["sign"]);
  const bytes = await crypto.subtle.sign(
    "HMAC",
    root,
    new TextEncoder().encode(`environment:${environmentId}`),
  );
  const imported = await crypto.subtle.importKey("raw", bytes, hmac, false, ["sign", "verify"]);
  return { bytes: new Uint8Array(bytes), imported };
};

/** Each environment signs with a key of its own, derived from the API's secret: nothing to store, nothing to leak across. */
const keyOf = async (secret: Uint8Array, environmentId: string): Promise<Key> => {
  const known = keys.get(secret) ?? new Map<string, Key>();
  keys.set(secret, known);
  const key = known.get(environmentId) ?? (await deriveKey(secret, environmentId));
  if (known.size >= keysMax) known.clear();
  known.set(environmentId, key);
  return key;
};

/** A token for one environment. Units: `lifeS` seconds. */
export const signToken = async (
  deps: Pick<Deps, "secret" | "signJws">,
  environmentId: string,
  claims: Omit<TokenClaims, "sub" | "exp">,
  lifeS: number,
): Promise<string> => {
  const header = { alg: "HS256", ...(claims.token_use === "run" ? { typ: "run+jwt" } : {}) };
  const iat = Math.floor(Date.now() / 1_000);
  const payload = { ...claims, sub: environmentId, iss: issuer, aud: audience, iat, exp: iat + lifeS };
  const key = await keyOf(deps.secret, environmentId);
  if (deps.signJws === undefined) return new SignJWT(payload).setProtectedHeader(header).sign(key.imported);
  return deps.signJws(key.bytes, JSON.stringify(header), JSON.stringify(payload));
};

/** A token with some of the rights of `maker`. Units: `lifeS` seconds. */
export const signTokenFor = (
  deps: Pick<Deps, "secret" | "signJws">,
  maker: { environmentId: string; keyId?: string | undefined },
  claims: Omit<TokenClaims, "sub" | "exp" | "key">,
  lifeS: number,
): Promise<string> =>
  signToken(
    deps,
    maker.environmentId,
    maker.keyId === undefined ? claims : { ...claims, key: maker.keyId },
    lifeS,
  );

/** What a token says, if this API signed it and it has not expired; `expired` and `invalid` apart, as clients show them. */
export const verifyToken = async (
  deps: Pick<Deps, "secret">,
  token: string,
): Promise<TokenClaims | "expired" | "invalid"> => {
  try {
    const environmentId = decodeJwt(token).sub;
    if (environmentId === undefined) return "invalid";
    const { imported: key } = await keyOf(deps.secret, environmentId);
    const { payload } = await jwtVerify(token, key, { issuer, audience, algorithms: ["HS256"] });
    return Claims.parse(payload);
  } catch (error) {
    return error instanceof Error && error.name === "JWTExpired" ? "expired" : "invalid";
  }
};
