import type { CreatePublicTokenBody, JwtClaims } from "@longshore/shared/contract/credentials";
import { AppError } from "@longshore/shared/core/error-codes";
import { requireCovered } from "./api-keys.ts";
import type { Principal } from "./authenticate.ts";
import type { Deps } from "./deps.ts";
import { signTokenFor } from "./tokens.ts";
import { secretText } from "./write-api-key.ts";

/** Units: seconds. */
const defaultLifeS = 900;
const lifeSMax = 30 * 86_400;

const unitSeconds: Record<string, number> = { s: 1, m: 60, h: 3_600, d: 86_400, w: 604_800, y: 31_557_600 };

/** Durations as the clients' JWT library writes them. */
const duration =
  /^\+? ?(\d+(?:\.\d+)?) ?(s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?|w|weeks?|y|yrs?|years?)(?: from now)?$/i;

/** Units: seconds from now. Errors: null for a text that is neither a duration nor an instant. */
const lifeOf = (wish: string | number, nowS: number): number | null => {
  if (typeof wish === "number") return Number.isFinite(wish) ? wish - nowS : null;
  const [, count, unit] = duration.exec(wish.trim()) ?? [];
  if (count !== undefined && unit !== undefined)
    return Number(count) * (unitSeconds[unit.charAt(0).toLowerCase()] ?? 0);
  if (!/^\d{4}-\d\d-\d\d/.test(wish)) return null;
  const atMs = Date.parse(wish);
  return Number.isNaN(atMs) ? null : atMs / 1_000 - nowS;
};

const requireLife = (wish: string | number | undefined): number => {
  if (wish === undefined) return defaultLifeS;
  const lifeS = lifeOf(wish, Date.now() / 1_000);
  if (lifeS === null) {
    throw new AppError(
      "bad_request",
      "Invalid expirationTime: Unix seconds, a duration such as 15m, or an ISO 8601 date.",
    );
  }
  if (lifeS <= 0) throw new AppError("bad_request", "Invalid expirationTime: it lies in the past.");
  // A duration of exactly thirty days must not fail for the fraction of a second that passed on the way.
  if (lifeS > lifeSMax + 1)
    throw new AppError("bad_request", "Invalid expirationTime: a token lives for at most 30 days.");
  return Math.max(1, Math.round(lifeS));
};

/**
 * `POST /api/v1/auth/public-tokens`: a token with some of the key's rights, for a browser.
 * Errors: `scopes_exceed_key_access` with `deniedScopes`; `bad_request` for an expiry that is unclear, past or over 30
 * days away. Source: the client wire contract, 2.4.
 */
export const createPublicToken = async (
  deps: Deps,
  principal: Principal,
  body: CreatePublicTokenBody,
): Promise<{ token: string }> => {
  const lifeS = requireLife(body.expirationTime);
  requireCovered(principal, body.scopes);
  const columns = body.realtime?.skipColumns;
  const claims = {
    pub: true,
    scopes: body.scopes,
    ...(body.oneTimeUse === true ? { otu: true, jti: secretText(22) } : {}),
    ...(body.realtime === undefined
      ? {}
      : { realtime: columns === undefined ? {} : { skipColumns: columns } }),
  };
  return { token: await signTokenFor(deps, principal, claims, lifeS) };
};

/** `POST /api/v1/auth/jwt/claims`. */
export const readJwtClaims = (principal: Principal): JwtClaims => ({
  sub: principal.environmentId,
  pub: true,
});
