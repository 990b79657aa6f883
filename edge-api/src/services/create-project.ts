import type { CreatedProject, CreateProjectBody } from "@longshore/shared/contract/account";
import { AppError } from "@longshore/shared/core/error-codes";
import { newId, randomText } from "@longshore/shared/core/ids";
import { createProject as createRow } from "../db/transitions/create-project.ts";
import { listProjects } from "./account.ts";
import type { Person } from "./authenticate.ts";
import { newEnvironments } from "./bootstrap.ts";
import type { Deps } from "./deps.ts";

/** A name without Latin letters or digits leaves nothing for an address: the ref serves. */
const slugOf = (name: string, ref: string): string =>
  name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "") || ref;

/**
 * `POST /api/v1/projects`: a project with the environments dev, stg and prod. One of that name in the organization is
 * answered instead, so that a request that is sent twice makes nothing twice.
 *
 * Errors: `forbidden` for whoever owns or administers no such organization; `unprocessable` when several could be meant.
 */
export const createProject = async (
  deps: Deps,
  person: Person,
  { name, organization }: CreateProjectBody,
): Promise<CreatedProject> => {
  const ref = `proj_${randomText(20)}`;
  const wish = { id: newId("project"), ref, slug: slugOf(name, ref), name, environments: newEnvironments() };
  const place = { userId: person.userId, organization: organization ?? null };
  const { organizationCount, projectId, created } = await createRow(deps.db, place, wish);
  if (organizationCount === 0)
    throw new AppError("forbidden", "Only who owns or administers the organization makes projects in it.");
  const project = (await listProjects(deps, person)).find(({ id }) => id === projectId);
  if (project === undefined && organizationCount === 1)
    throw new AppError(
      "unprocessable",
      "The organization has no project yet whose agents a new one could use.",
    );
  if (project === undefined)
    throw new AppError("unprocessable", "You administer several organizations: say which as `organization`.");
  return { ...project, created };
};
