import { newId, randomText } from "@longshore/shared/core/ids";
import { createWorkspace, findWorkspace, type Workspace } from "../db/transitions/create-workspace.ts";
import type { Deps } from "./deps.ts";
import { writeApiKey } from "./write-api-key.ts";

/** A server that makes a key at each start must not run into the limit that callers have. */
const bootKeysMax = 1_000_000;

/** The environments of a new project, by the names the client packages know. */
const environmentTypes = { dev: "development", stg: "staging", prod: "production" } as const;

/** The environments that every project begins with. */
export const newEnvironments = (): { id: string; slug: string; type: string }[] =>
  Object.entries(environmentTypes).map(([slug, type]) => ({ id: newId("environment"), slug, type }));

/**
 * Makes an unrestricted secret key for an environment. It is shown here once; the database keeps its hash.
 * Shape: `tr_<environment>_sk_` and 24 letters and digits.
 */
export const createApiKey = async (
  deps: Deps,
  environment: { id: string; slug: string },
  name: string,
): Promise<string> => {
  const made = await writeApiKey(deps, environment, { name, scopes: null, expiresAt: null }, bootKeysMax);
  if (made === null) throw new Error(`the environment has ${bootKeysMax} keys already`);
  return made.key;
};

/** The first project, made when the database is new. Units: `runningMax` runs at once in each environment. */
export const ensureWorkspace = async (deps: Deps, runningMax: number): Promise<Workspace> => {
  const found = await findWorkspace(deps.db);
  if (found !== null) return found;
  return createWorkspace(deps.db, {
    organizationId: newId("organization"),
    organizationName: "My organization",
    projectId: newId("project"),
    projectRef: `proj_${randomText(20)}`,
    projectName: "My project",
    poolId: newId("pool"),
    userId: newId("user"),
    email: "owner@localhost",
    environments: newEnvironments().map((environment) => ({ ...environment, runningMax })),
  });
};
