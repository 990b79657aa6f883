import { AppError } from "@longshore/shared/core/error-codes";
import { findProject } from "../db/queries/find-project.ts";
import { authenticate, authenticatePerson, type Caller, isPersonal } from "./authenticate.ts";
import type { Deps } from "./deps.ts";
import { scopesOfRole } from "./enter-environment.ts";

/** An environment as lists name it. */
export type NamedPlace = { id: string; slug: string };

const missing = () => new AppError("not_found", "Project not found", { shouldRetry: false });

/**
 * Reads the `authorization` header of a route that names a project alone: a personal token of a member sees all its
 * environments, a key or token its own.
 *
 * Shape: `places` is never empty; a person's `caller` stands in the first of them. Errors: `unauthorized`; `not_found`
 * for what the caller may not see, as if it did not exist. Cost: one round trip.
 */
export const enterProject = async (
  deps: Deps,
  header: string | undefined,
  place: { ref: string; branch: string | null },
): Promise<{ caller: Caller; places: readonly NamedPlace[] }> => {
  if (!isPersonal(header)) {
    const caller = await authenticate(deps, header, place.branch);
    const known = { userId: null, environmentId: caller.environmentId };
    const found = await findProject(deps.db, place.ref, known);
    if (found === null) throw missing();
    return { caller, places: found.places };
  }
  const { userId, credentialId } = await authenticatePerson(deps, header);
  const found = await findProject(deps.db, place.ref, { userId, environmentId: null });
  const first = found?.places[0];
  if (!found?.role || first === undefined) throw missing();
  const scopes = scopesOfRole[found.role];
  return {
    caller: { kind: "person", environmentId: first.id, scopes, credentialId },
    places: found.places,
  };
};
