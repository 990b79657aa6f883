import type { EnvironmentToken, Session } from "@longshore/shared/contract/dashboard";
import { AppError } from "@longshore/shared/core/error-codes";
import { randomText } from "@longshore/shared/core/ids";
import { addSignInToken, closeSession, findSession, openSession } from "../db/transitions/sessions.ts";
import type { Deps } from "./deps.ts";
import { hashToken } from "./hash-token.ts";
import { signToken } from "./tokens.ts";

/** Units: milliseconds. */
const signInTtlMs = 15 * 60_000;
/** How long a browser stays signed in. Units: milliseconds. */
export const sessionTtlMs = 14 * 86_400_000;
/** Life of the token a page works with. Units: seconds. */
const environmentTokenLifeS = 900;

/** A one-time sign-in token for a user; it opens one session within fifteen minutes. */
export const createSignInToken = async (deps: Deps, userId: string): Promise<string> => {
  const token = `lsi_${randomText(40)}`;
  await addSignInToken(deps.db, await hashToken(token), userId, signInTtlMs);
  return token;
};

const signedOut = () => new AppError("unauthorized", "Not signed in.");

/** `POST /api/v1/session/sign-in`. Errors: `unauthorized` for a link that was used or is too old. */
export const signIn = async (
  deps: Deps,
  token: string,
): Promise<{ session: Session; sessionToken: string }> => {
  const sessionToken = `lss_${randomText(48)}`;
  const hashes = { tokenHash: await hashToken(token), sessionHash: await hashToken(sessionToken) };
  const userId = await openSession(deps.db, hashes, sessionTtlMs);
  if (userId === null) {
    throw new AppError(
      "unauthorized",
      "This sign-in link was used already or is too old. Ask the server for a new one.",
    );
  }
  return { session: await getSession(deps, sessionToken), sessionToken };
};

/** `GET /api/v1/session`. Errors: `unauthorized`. */
export const getSession = async (deps: Deps, sessionToken: string | undefined): Promise<Session> => {
  if (sessionToken === undefined) throw signedOut();
  const session = await findSession(deps.db, await hashToken(sessionToken));
  if (session === null) throw signedOut();
  return session;
};

/** `DELETE /api/v1/session`. */
export const signOut = async (deps: Deps, sessionToken: string | undefined): Promise<void> => {
  if (sessionToken !== undefined) await closeSession(deps.db, await hashToken(sessionToken));
};

/** `POST /api/v1/session/environments/:id/token`. Errors: `not_found` for an environment that is not the user's. */
export const createEnvironmentToken = async (
  deps: Deps,
  sessionToken: string | undefined,
  environmentId: string,
): Promise<EnvironmentToken> => {
  const session = await getSession(deps, sessionToken);
  if (!session.environments.some(({ id }) => id === environmentId))
    throw new AppError("not_found", "Environment not found");
  const token = await signToken(deps, environmentId, { scopes: ["admin"] }, environmentTokenLifeS);
  return { token, expiresAt: new Date(Date.now() + environmentTokenLifeS * 1_000).toISOString() };
};
