import type { Branch } from "@longshore/shared/contract/env-vars";
import { AppError } from "@longshore/shared/core/error-codes";
import { newId } from "@longshore/shared/core/ids";
import { createBranch as createRow } from "../db/transitions/create-branch.ts";
import type { Person } from "./authenticate.ts";
import type { Deps } from "./deps.ts";

/**
 * `POST /api/v1/projects/:ref/branches`: the preview environment of a branch, which may exist.
 * Errors: `not_found` for a project that the person may not change.
 */
export const createBranch = async (
  deps: Deps,
  person: Person,
  place: { ref: string; branch: string },
): Promise<Branch> => {
  const ids = { parent: newId("environment"), branch: newId("environment") };
  const id = await createRow(deps.db, { ...place, userId: person.userId }, ids);
  if (id === null) throw new AppError("not_found", "Project not found", { shouldRetry: false });
  return { id, branch: place.branch };
};
