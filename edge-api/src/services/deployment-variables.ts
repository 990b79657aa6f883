import type { DeploymentVariables, DeploymentVariablesBody } from "@longshore/shared/contract/deployments";
import { AppError } from "@longshore/shared/core/error-codes";
import { findDeployment } from "../db/queries/read-deployments.ts";
import { type Principal, requireOutsider, requireScope } from "./authenticate.ts";
import type { Deps } from "./deps.ts";
import { importEnvVars, listEnvVars } from "./env-vars.ts";

/**
 * `POST /api/v1/deployments/:id/variables`: sets what a deployment brings along in its environment, and answers the
 * names of all variables that runs get, so that whoever deploys can tell which are missing.
 *
 * Errors: `not_found`, `forbidden`; those of an import of variables.
 */
export const setDeploymentVariables = async (
  deps: Deps,
  principal: Principal,
  id: string,
  { imports }: DeploymentVariablesBody,
): Promise<DeploymentVariables> => {
  requireOutsider(principal);
  requireScope(principal, "write", [{ type: "envvars" }]);
  const found = await findDeployment(deps.db, id, principal.environmentId);
  if (found === null) throw new AppError("not_found", "Deployment not found", { shouldRetry: false });
  for (const one of imports) await importEnvVars(deps, principal, one);
  const names = (await listEnvVars(deps, principal)).map(({ name }) => name);
  return { names };
};
