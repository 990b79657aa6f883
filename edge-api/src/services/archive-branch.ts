import type { Branch } from "@longshore/shared/contract/env-vars";
import { AppError } from "@longshore/shared/core/error-codes";
import { archiveBranch as archiveRow } from "../db/transitions/archive-branch.ts";
import type { Person } from "./authenticate.ts";
import type { Deps } from "./deps.ts";

/**
 * `POST /api/v1/projects/:ref/branches/archive`: puts the environment of a branch away; making the branch again brings
 * it back. Errors: `not_found` for a branch that the person may not change.
 */
export const archiveBranch = async (
  deps: Deps,
  person: Person,
  place: { ref: string; branch: string },
): Promise<Branch> => {
  const archived = await archiveRow(deps.db, { ...place, userId: person.userId });
  if (archived === null) throw new AppError("not_found", "Branch not found", { shouldRetry: false });
  return { id: archived.id, branch: place.branch };
};
