import type {
  CollectedSignIn,
  SignInRequest,
  StartedSignIn,
  StartSignInBody,
} from "@longshore/shared/contract/sign-in-requests";
import { AppError } from "@longshore/shared/core/error-codes";
import { newId, randomText } from "@longshore/shared/core/ids";
import * as rows from "../db/transitions/sign-in-requests.ts";
import { addressGroup } from "../domain/address-group.ts";
import type { Rate } from "../hints/buckets.ts";
import type { Deps } from "./deps.ts";
import { hashToken } from "./hash-token.ts";
import { personalTokensMax } from "./personal-tokens.ts";
import { getSession } from "./sessions.ts";
import { formatUserCode, hashUserCode, newUserCode } from "./user-codes.ts";
import { wireDate } from "./wire-date.ts";
import { secretText } from "./write-api-key.ts";

/** Units: milliseconds. */
const requestTtlMs = 600_000;
const pollIntervalMs = 2_000;
const dayMs = 86_400_000;
/** How long a program stays signed in. */
const tokenLifeDays = 90;

/** Nobody who asks is known yet: each address has its own share, so that one cannot keep the others out. */
const startRate: Rate = { perSecond: 1, burst: 60 };
/** All programs together, from however many addresses: each makes a row. */
const startRateOfAll: Rate = { perSecond: 20, burst: 1_000 };
/** One program asks once in two seconds. */
const pollRate: Rate = { perSecond: 2, burst: 10 };
/** One person types a few codes, and could not guess one of 2^34 that live ten minutes. */
const lookRate: Rate = { perSecond: 0.5, burst: 20 };

/** Errors: `rate_limited`. Where the count cannot be known, the request passes: the codes are long enough alone. */
const limit = async (deps: Deps, key: string, rate: Rate): Promise<void> => {
  const grant = await deps.hints.takeTokens(`sign-in:${key}`, rate, 1);
  if (grant === null || grant.granted > 0) return;
  const waitS = Math.max(1, Math.ceil(grant.nextInMs / 1_000));
  throw new AppError("rate_limited", `Too many sign-in requests. Try again in ${waitS} s.`);
};

const gone = () =>
  new AppError(
    "not_found",
    "This sign-in request is unknown, used or older than ten minutes. Start it again.",
    {
      shouldRetry: false,
    },
  );

/**
 * `POST /api/v1/sign-in-requests`. Nobody is signed in by it: a person has to allow it, in a browser.
 * Errors: `rate_limited`.
 */
export const startSignIn = async (
  deps: Deps,
  body: StartSignInBody,
  from: { origin: string; address: string },
): Promise<StartedSignIn> => {
  await limit(deps, `start:${addressGroup(from.address)}`, startRate);
  await limit(deps, "start", startRateOfAll);
  const deviceCode = `lsd_${randomText(48)}`;
  const deviceHash = await hashToken(deviceCode);
  const userCode = newUserCode();
  const userCodeHash = await hashUserCode(deps, userCode);
  const expiresAt = await rows.addSignInRequest(deps.db, { ...body, deviceHash, userCodeHash }, requestTtlMs);
  if (expiresAt === null) throw new AppError("unavailable", "No free code was found. Try again.");
  return {
    deviceCode,
    userCode: formatUserCode(userCode),
    approvalUrl: `${from.origin}/approve?code=${formatUserCode(userCode)}`,
    expiresAt: wireDate(expiresAt),
    intervalMs: pollIntervalMs,
  };
};

/**
 * `POST /api/v1/sign-in-requests/token`: hands the token out once, after a person allowed it.
 * Errors: `not_found`, `rate_limited`; `unprocessable` when the person has too many tokens.
 */
export const collectSignIn = async (deps: Deps, deviceCode: string): Promise<CollectedSignIn> => {
  const deviceHash = await hashToken(deviceCode);
  await limit(deps, `poll:${deviceHash}`, pollRate);
  const token = `tr_pat_${secretText(40)}`;
  const wish = {
    id: newId("personalToken"),
    tokenHash: await hashToken(token),
    hint: token.slice(-4),
    lifeMs: tokenLifeDays * dayMs,
  };
  const { seen, hasRoom, made, user } = await rows.collectSignInRequest(
    deps.db,
    deviceHash,
    wish,
    personalTokensMax,
  );
  if (made !== null && user !== null)
    return { status: "approved", token, tokenId: wish.id, expiresAt: wireDate(made.expiresAt), user };
  if (seen === "approved" && !hasRoom) {
    throw new AppError(
      "unprocessable",
      `You have ${personalTokensMax} tokens that work. Revoke one and try again.`,
    );
  }
  if (seen === "pending" || seen === "refused") return { status: seen };
  throw gone();
};

const enter = async (deps: Deps, session: string | undefined, userCode: string) => {
  const { user } = await getSession(deps, session);
  await limit(deps, `look:${user.id}`, lookRate);
  return { userId: user.id, userCodeHash: await hashUserCode(deps, userCode) };
};

const serialise = (userCode: string, row: rows.SignInRequestRow): SignInRequest => ({
  userCode: formatUserCode(userCode),
  machine: row.machine,
  client: row.client,
  status: row.status,
  createdAt: wireDate(row.createdAt),
  expiresAt: wireDate(row.expiresAt),
  tokenLifeDays,
});

/** `GET /api/v1/session/sign-in-requests/:userCode`. Errors: `unauthorized`, `not_found`, `rate_limited`. */
export const readSignInRequest = async (
  deps: Deps,
  session: string | undefined,
  userCode: string,
): Promise<SignInRequest> => {
  const { userCodeHash } = await enter(deps, session, userCode);
  const row = await rows.findSignInRequest(deps.db, userCodeHash);
  if (row === null) throw gone();
  return serialise(userCode, row);
};

/**
 * `POST /api/v1/session/sign-in-requests/:userCode/approve` and `/refuse`: the first decision stands.
 * Errors: `unauthorized`, `not_found`, `rate_limited`; `unprocessable` when it was decided otherwise.
 */
export const decideSignIn = async (
  deps: Deps,
  session: string | undefined,
  userCode: string,
  to: "approved" | "refused",
): Promise<SignInRequest> => {
  const { userId, userCodeHash } = await enter(deps, session, userCode);
  const result = await rows.decideSignInRequest(deps.db, userCodeHash, { userId, to });
  const row = await rows.findSignInRequest(deps.db, userCodeHash);
  if (result === "missing" || row === null) throw gone();
  if (result === "refused")
    throw new AppError("unprocessable", "This sign-in request was decided already; nothing was changed.");
  return serialise(userCode, row);
};
