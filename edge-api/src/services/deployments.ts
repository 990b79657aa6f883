import type { CreateDeploymentBody, Deployment } from "@longshore/shared/contract/deployments";
import { BundleManifest } from "@longshore/shared/contract/manifest";
import { AppError } from "@longshore/shared/core/error-codes";
import { newId, randomText } from "@longshore/shared/core/ids";
import * as rows from "../db/transitions/deployments.ts";
import { type Principal, requireOutsider, requireScope } from "./authenticate.ts";
import type { Deps } from "./deps.ts";
import { planDeclaredSchedules } from "./plan-declared-schedules.ts";
import { releasePending } from "./release-pending.ts";
import { checkManifest, resolveManifest } from "./resolve-manifest.ts";
import { wakeAfter } from "./wake.ts";
import { wireDate } from "./wire-date.ts";

const serialise = (row: rows.DeploymentRow): Deployment => ({
  id: row.id,
  createdAt: wireDate(row.createdAt),
  shortCode: row.shortCode,
  version: row.version,
  runtime: row.runtime,
  runtimeVersion: row.runtimeVersion,
  status: row.status,
  ...(row.deployedAt === null ? {} : { deployedAt: wireDate(row.deployedAt) }),
  ...(row.externalId === null ? {} : { externalId: row.externalId }),
  isCurrent: row.isCurrent,
  taskCount: row.taskCount,
});

const requireDeploy = (principal: Principal): void => {
  requireOutsider(principal);
  requireScope(principal, "write", [{ type: "deployments" }]);
};

const missing = () => new AppError("not_found", "Deployment not found");

/** `POST /api/v1/deployments`: a version that nothing uses yet. Errors: those of `checkManifest`. */
export const createDeployment = async (
  deps: Deps,
  principal: Principal,
  body: CreateDeploymentBody,
): Promise<Deployment> => {
  requireDeploy(principal);
  checkManifest(body.manifest);
  const row = await rows.createDeployment(deps.db, {
    id: newId("deployment"),
    environmentId: principal.environmentId,
    shortCode: randomText(8),
    bundleHash: body.bundleHash,
    manifest: body.manifest,
    externalId: body.externalId ?? null,
  });
  return serialise(row);
};

/** `POST /api/v1/deployments/:id/finalise`. Errors: `not_found`; `unprocessable` when its bundle was never uploaded. */
export const finaliseDeployment = async (
  deps: Deps,
  principal: Principal,
  id: string,
): Promise<Deployment> => {
  requireDeploy(principal);
  const found = await rows.findDeployment(deps.db, id, principal.environmentId);
  if (found === null) throw missing();
  const content = resolveManifest(BundleManifest.parse(found.manifest));
  const row = await rows.finaliseDeployment(deps.db, {
    id,
    environmentId: principal.environmentId,
    ...content,
  });
  if (row === null) throw new AppError("unprocessable", "The deployment's bundle has not been uploaded.");
  if (row.externalId !== null) deps.later(releasePending(deps, principal.environmentId));
  return serialise(row);
};

/** `POST /api/v1/deployments/:id/promote`: new runs take this version from now on. Errors: `not_found`, `unprocessable`. */
export const promoteDeployment = async (
  deps: Deps,
  principal: Principal,
  id: string,
): Promise<Deployment> => {
  requireDeploy(principal);
  const { environmentId } = principal;
  const found = await rows.findDeployment(deps.db, id, environmentId);
  if (found === null) throw missing();
  const { tasks, queues, limits } = resolveManifest(BundleManifest.parse(found.manifest));
  const schedules = planDeclaredSchedules(tasks, { ...found, environmentId });
  const row = await rows.promoteDeployment(deps.db, { id, environmentId, queues, limits, schedules });
  if (row !== null) {
    // Limits may have grown, and a schedule may be due before anyone looks again.
    await wakeAfter(deps, { environmentIds: [environmentId], agentIds: [] });
    deps.later(releasePending(deps, environmentId));
    return serialise(row);
  }
  throw new AppError("unprocessable", "The deployment is not finalised.");
};

const pageSizeMax = 100;

/** `GET /api/v1/deployments`: newest first. Errors: `forbidden`. */
export const listDeployments = async (
  deps: Deps,
  principal: Principal,
  page: { after?: string | undefined; size: number },
): Promise<{ data: Deployment[]; pagination: { next?: string } }> => {
  requireScope(principal, "read", [{ type: "deployments" }]);
  const size = Math.min(page.size, pageSizeMax);
  const found = await rows.listDeployments(deps.db, principal.environmentId, {
    after: page.after ?? null,
    size: size + 1,
  });
  const data = found.slice(0, size).map(serialise);
  const last = data.at(-1);
  return { data, pagination: found.length > size && last !== undefined ? { next: last.id } : {} };
};
