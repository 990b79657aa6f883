import { newId, randomText } from "@longshore/shared/core/ids";
import { addApiKey } from "../db/transitions/add-api-key.ts";
import { createWorkspace, findWorkspace, type Workspace } from "../db/transitions/create-workspace.ts";
import type { Deps } from "./deps.ts";
import { hashToken } from "./hash-token.ts";

const keyAlphabet = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

const keySecret = (): string =>
  Array.from(crypto.getRandomValues(new Uint32Array(24)), (n) => keyAlphabet[n % keyAlphabet.length]).join(
    "",
  );

/** The environments of a new project, by the names the client packages know. */
const environmentTypes = { dev: "development", stg: "staging", prod: "production" } as const;

/**
 * Makes a secret key for an environment. It is shown here once; the database keeps its hash.
 * Shape: `tr_<environment>_sk_` and 24 letters and digits.
 */
export const createApiKey = async (
  deps: Deps,
  environment: { id: string; slug: string },
  name: string,
): Promise<string> => {
  const key = `tr_${environment.slug}_sk_${keySecret()}`;
  const row = {
    id: newId("apiKey"),
    environmentId: environment.id,
    name,
    keyHash: await hashToken(key),
    hint: key.slice(-4),
  };
  await addApiKey(deps.db, row);
  return key;
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
    environments: Object.entries(environmentTypes).map(([slug, type]) => ({
      id: newId("environment"),
      slug,
      type,
      runningMax,
    })),
  });
};
