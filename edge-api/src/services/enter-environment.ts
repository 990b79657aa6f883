import { AppError } from "@longshore/shared/core/error-codes";
import { findEnvironment } from "../db/queries/find-environment.ts";
import { authenticate, authenticatePerson, type Caller, isPersonal } from "./authenticate.ts";
import type { Deps } from "./deps.ts";

/** Where a route of projects leads. `slug` as in keys: dev, stg, prod, preview; `branch` for preview alone. */
export type Place = { ref: string; slug: string; branch: string | null };

const missing = () =>
  new AppError("not_found", "There is no such project or environment for this credential.", {
    shouldRetry: false,
  });

/** What a member may do in an environment. Shape: null = everything. */
export const scopesOfRole = { owner: null, admin: null, developer: null, viewer: ["read:all"] } as const;

/**
 * Reads the `authorization` header of a route that names its project and environment: a personal token of a member of
 * the organization, or a key or token of that very environment.
 *
 * Errors: `unauthorized`; `not_found` for what the caller may not see, as if it did not exist. Cost: one round trip.
 */
export const enterEnvironment = async (
  deps: Deps,
  header: string | undefined,
  place: Place,
): Promise<Caller> => {
  if (!isPersonal(header)) {
    const caller = await authenticate(deps, header, place.branch);
    const known = { userId: null, environmentId: caller.environmentId };
    const found = await findEnvironment(deps.db, place, known);
    if (found?.id !== caller.environmentId) throw missing();
    return caller;
  }
  const { userId, credentialId } = await authenticatePerson(deps, header);
  const found = await findEnvironment(deps.db, place, { userId, environmentId: null });
  if (found === null || found.role === null) throw missing();
  return { kind: "person", environmentId: found.id, scopes: scopesOfRole[found.role], credentialId };
};
