import type { EnvironmentPlace, PlaceToken, ProjectItem, Whoami } from "@longshore/shared/contract/account";
import { AppError } from "@longshore/shared/core/error-codes";
import { listProjects as listRows, readAccount, readPlace as readRow } from "../db/queries/read-account.ts";
import { revokePersonalToken } from "../db/transitions/personal-tokens.ts";
import { forgetCredential, type Person, type Principal } from "./authenticate.ts";
import type { Deps } from "./deps.ts";
import { signTokenFor } from "./tokens.ts";
import { wireDate } from "./wire-date.ts";

/** Life of a token that is bought with a personal one: no revoked person works on for longer. Units: seconds. */
const placeTokenLifeS = 900;

/** `GET /api/v2/whoami`. Errors: `unauthorized` when the token ended meanwhile. */
export const whoami = async (deps: Deps, person: Person, dashboardUrl: string): Promise<Whoami> => {
  const row = await readAccount(deps.db, person.credentialId);
  if (row === null) throw new AppError("unauthorized", "The personal access token is no more.");
  const { expiresAt, ...token } = row.token;
  return {
    ...row,
    dashboardUrl,
    token: { ...token, ...(expiresAt === null ? {} : { expiresAt: wireDate(expiresAt) }) },
  };
};

/** `DELETE /api/v2/whoami`: the token that asks ends at once. */
export const endOwnToken = async (deps: Deps, person: Person): Promise<void> => {
  const ended = await revokePersonalToken(deps.db, { id: person.credentialId, userId: person.userId });
  if (ended !== null) forgetCredential(deps, ended.tokenHash);
};

/** `GET /api/v1/projects`. */
export const listProjects = async (deps: Deps, person: Person): Promise<ProjectItem[]> =>
  (await listRows(deps.db, person.userId)).map((row) => ({ ...row, createdAt: wireDate(row.createdAt) }));

/** `GET /api/v1/environment`: where the caller stands. */
export const readPlace = async (
  deps: Deps,
  principal: Pick<Principal, "environmentId">,
): Promise<EnvironmentPlace> => {
  const place = await readRow(deps.db, principal.environmentId);
  if (place === null) throw new AppError("not_found", "Environment not found", { shouldRetry: false });
  return place;
};

/** `POST /api/v1/projects/:ref/environments/:slug/token`: what the caller may do there, for a quarter of an hour. */
export const createPlaceToken = async (deps: Deps, principal: Principal): Promise<PlaceToken> => {
  const environment = await readPlace(deps, principal);
  const scopes = [...(principal.scopes ?? ["admin"])];
  const token = await signTokenFor(deps, principal, { scopes }, placeTokenLifeS);
  const expiresAt = new Date(Date.now() + placeTokenLifeS * 1_000).toISOString();
  return { token, expiresAt, environment };
};
