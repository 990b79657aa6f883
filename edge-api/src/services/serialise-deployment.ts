import type { Deployment } from "@longshore/shared/contract/deployments";
import type { DeploymentRow } from "../db/transitions/deployments.ts";
import { wireDate } from "./wire-date.ts";

/** A deployment as clients read it. Source: the client wire contract, 4.10. */
export const serialiseDeployment = (row: DeploymentRow): Deployment => ({
  id: row.id,
  createdAt: wireDate(row.createdAt),
  shortCode: row.shortCode,
  version: row.version,
  runtime: row.runtime,
  runtimeVersion: row.runtimeVersion,
  status: row.status,
  ...(row.deployedAt === null ? {} : { deployedAt: wireDate(row.deployedAt) }),
  ...(row.git === null ? {} : { git: row.git }),
  ...(row.error === null ? {} : { error: row.error }),
  ...(row.externalId === null ? {} : { externalId: row.externalId }),
  isCurrent: row.isCurrent,
  taskCount: row.taskCount,
});
