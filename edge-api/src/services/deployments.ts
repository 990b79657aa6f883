import type {
  CreateDeploymentBody,
  Deployment,
  DeploymentError,
  RollBackBody,
} from "@longshore/shared/contract/deployments";
import { BundleManifest } from "@longshore/shared/contract/manifest";
import { AppError } from "@longshore/shared/core/error-codes";
import { newId, randomText } from "@longshore/shared/core/ids";
import { findCurrentDeployment, findDeployment } from "../db/queries/read-deployments.ts";
import * as rows from "../db/transitions/deployments.ts";
import { failDeployment as failRow } from "../db/transitions/fail-deployment.ts";
import { type Principal, requireOutsider, requireScope } from "./authenticate.ts";
import type { Deps } from "./deps.ts";
import { forgetBundles } from "./news-of-bundles.ts";
import { planDeclaredSchedules } from "./plan-declared-schedules.ts";
import { refuseDataFault } from "./refuse-unstorable.ts";
import { releasePending } from "./release-pending.ts";
import { checkManifest, resolveManifest } from "./resolve-manifest.ts";
import { serialiseDeployment } from "./serialise-deployment.ts";
import { poolOf, wakeAfter } from "./wake.ts";
import { writeJson } from "./write-json.ts";

const requireDeploy = (principal: Principal): void => {
  requireOutsider(principal);
  requireScope(principal, "write", [{ type: "deployments" }]);
};

const missing = () => new AppError("not_found", "Deployment not found", { shouldRetry: false });

/**
 * `POST /api/v1/deployments`: a version that nothing uses yet.
 * Errors: those of `checkManifest`; `unprocessable` for what could not be kept as it came, in `git` or a task's `payloadSchema`.
 */
export const createDeployment = async (
  deps: Deps,
  principal: Principal,
  body: CreateDeploymentBody,
): Promise<Deployment> => {
  requireDeploy(principal);
  checkManifest(body.manifest);
  writeJson(body.manifest, "manifest");
  writeJson(body.git ?? null, "git");
  const made = rows.createDeployment(deps.db, {
    id: newId("deployment"),
    environmentId: principal.environmentId,
    shortCode: randomText(8),
    bundleHash: body.bundleHash,
    manifest: body.signature === undefined ? body.manifest : { ...body.manifest, signature: body.signature },
    externalId: body.externalId ?? null,
    git: body.git ?? null,
  });
  const row = await made.catch(refuseDataFault());
  return serialiseDeployment(row);
};

/** `POST /api/v1/deployments/:id/finalise`. Errors: `not_found`; `unprocessable` when its bundle or a layer was never uploaded. */
export const finaliseDeployment = async (
  deps: Deps,
  principal: Principal,
  id: string,
): Promise<Deployment> => {
  requireDeploy(principal);
  const found = await findDeployment(deps.db, id, principal.environmentId);
  if (found === null) throw missing();
  if (found.row.status === "FAILED")
    throw new AppError("unprocessable", "The deployment has failed. Create another one.");
  const content = resolveManifest(BundleManifest.parse(found.manifest));
  const row = await rows.finaliseDeployment(deps.db, {
    id,
    environmentId: principal.environmentId,
    ...content,
  });
  if (row === null)
    throw new AppError(
      "unprocessable",
      "The deployment's bundle, or one of its layers, has not been uploaded.",
    );
  if (row.externalId !== null) deps.later(releasePending(deps, principal.environmentId));
  return serialiseDeployment(row);
};

/**
 * `POST /api/v1/deployments/:id/promote`: new runs take this version from now on.
 * Errors: `not_found`; `unprocessable` when it is not finalised, or declares a schedule that this runtime cannot plan.
 */
export const promoteDeployment = async (
  deps: Deps,
  principal: Principal,
  name: string,
): Promise<Deployment> => {
  requireDeploy(principal);
  const { environmentId } = principal;
  const found = await findDeployment(deps.db, name, environmentId);
  if (found === null) throw missing();
  const { id } = found.row;
  const { tasks, queues, limits } = resolveManifest(BundleManifest.parse(found.manifest));
  const schedules = planDeclaredSchedules(tasks, { ...found, environmentId });
  const row = await rows.promoteDeployment(deps.db, { id, environmentId, queues, limits, schedules });
  if (row === null) throw new AppError("unprocessable", "The deployment is not finalised.");
  const poolId = await poolOf(deps, environmentId);
  if (poolId !== null) forgetBundles(deps, poolId);
  // Limits may have grown, and a schedule may be due before anyone looks again.
  await wakeAfter(deps, { environmentIds: [environmentId], agentIds: [] });
  deps.later(releasePending(deps, environmentId));
  return serialiseDeployment(row);
};

/**
 * `POST /api/v1/deployments/rollback`: new runs take the named version, or the usable one before the current. `from`
 * makes a repeated request harmless: it is refused once another version is current.
 *
 * Errors: `not_found`; `unprocessable` when there is nothing to go back to, or `from` is not current, and as for `promoteDeployment`.
 */
export const rollBackDeployment = async (
  deps: Deps,
  principal: Principal,
  wish: RollBackBody,
): Promise<Deployment> => {
  requireDeploy(principal);
  const { current, previousId } = await findCurrentDeployment(deps.db, principal.environmentId);
  if (wish.from !== undefined && wish.from !== current?.version) {
    throw new AppError(
      "unprocessable",
      `Version "${wish.from}" is not current any more; nothing was changed.`,
    );
  }
  const target = wish.version ?? previousId;
  if (target === null)
    throw new AppError("unprocessable", "There is no earlier deployed version to go back to.");
  return promoteDeployment(deps, principal, target);
};

/**
 * `POST /api/v1/deployments/:id/fail`: gives up one that nothing uses yet; the first reason stands.
 * Errors: `not_found`; `unprocessable` for one that is deployed.
 */
export const failDeployment = async (
  deps: Deps,
  principal: Principal,
  id: string,
  error: DeploymentError,
): Promise<Deployment> => {
  requireDeploy(principal);
  const outcome = await failRow(deps.db, { id, environmentId: principal.environmentId }, error);
  if (outcome === "refused")
    throw new AppError("unprocessable", "The deployment is deployed already and cannot fail any more.");
  const found = await findDeployment(deps.db, id, principal.environmentId);
  if (outcome === "missing" || found === null) throw missing();
  return serialiseDeployment(found.row);
};
