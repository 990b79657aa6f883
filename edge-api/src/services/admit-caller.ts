import { AppError } from "@longshore/shared/core/error-codes";
import { useTokenOnce } from "../db/transitions/use-token-once.ts";
import { couldBeGranted } from "../domain/scopes.ts";
import type { Caller, PrincipalKind } from "./authenticate.ts";
import type { Deps } from "./deps.ts";
import { hashToken } from "./hash-token.ts";

/** A client that heard no answer sends the same request again within this. Units: milliseconds. */
const repeatMs = 600_000;

/** What the table of routes says of who may come. */
export type Admission = {
  scope?: string;
  denies?: readonly PrincipalKind[];
  followsOneTimeUse?: true;
};

/**
 * Refuses by the table of routes alone, before the body is read: a kind of caller that the route denies, and scopes that
 * fit none of its resources. Spends one-time tokens last.
 *
 * Errors: `forbidden`; `unauthorized` for a one-time token that was used.
 */
export const admitCaller = async (
  deps: Deps,
  caller: Caller,
  admission: Admission,
  request: Request,
): Promise<void> => {
  const { scope, denies } = admission;
  if (denies?.includes(caller.kind)) throw new AppError("forbidden", "Unauthorized");
  if (scope !== undefined && !couldBeGranted(caller.scopes, scope))
    throw new AppError("forbidden", "Unauthorized");
  if (admission.followsOneTimeUse !== true) await spendOneTimeToken(deps, caller, request);
};

type Request = { method: string; path: string; key: string | null };

/**
 * Uses a one-time token up before anything is done with it; any other credential passes. The same request (the same
 * route and `x-trigger-request-idempotency-key`) may come again, since its first answer may have been lost; triggers
 * answer it with the run that the first one made.
 *
 * Errors: `unauthorized` when it was used. Cost: one round trip, for one-time tokens alone.
 */
const spendOneTimeToken = async (deps: Deps, caller: Caller, request: Request): Promise<void> => {
  if (caller.oneTime === undefined) return;
  const { id, expiresAtS } = caller.oneTime;
  const usedBy =
    request.key === null ? null : await hashToken(`${request.method} ${request.path}\n${request.key}`);
  const use = { tokenHash: await hashToken(id), expiresAtS, usedBy };
  if ((await useTokenOnce(deps.db, use, repeatMs)) !== "refused") return;
  throw new AppError(
    "unauthorized",
    "This one-time Public Access Token was used already. Create a new one and try again.",
  );
};
