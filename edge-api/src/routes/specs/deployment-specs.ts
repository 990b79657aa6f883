import {
  BundleReceipt,
  CreateDeploymentBody,
  Deployment,
  FailDeploymentBody,
  RollBackBody,
} from "@longshore/shared/contract/deployments";
import { Pagination } from "@longshore/shared/contract/runs";
import { z } from "zod";
import type { RouteSpec } from "./spec.ts";

/** Every status that clients may filter by; some of them no deployment here ever has. */
const filterStatuses = [
  "PENDING",
  "BUILDING",
  "DEPLOYING",
  "DEPLOYED",
  "FAILED",
  "CANCELED",
  "TIMED_OUT",
] as const;

/** Query of the list of deployments. */
export const DeploymentListQuery = z.object({
  status: z.enum(filterStatuses).optional(),
  period: z.string().max(50).optional(),
  from: z.string().max(50).optional(),
  to: z.string().max(50).optional(),
  "page[size]": z.coerce.number().int().min(1).max(100).default(25),
  "page[after]": z.string().optional(),
});

/** Code: bundles and deployments. */
export const deploymentSpecs = {
  hasBundle: {
    method: "head",
    path: "/api/v1/bundles/:hash",
    auth: "key",
    scope: "write:deployments",
    denies: ["run"],
    summary: "Whether a bundle has been uploaded",
  },
  storeBundle: {
    method: "put",
    path: "/api/v1/bundles/:hash",
    auth: "key",
    scope: "write:deployments",
    denies: ["run"],
    summary: "Upload a bundle (the archive's bytes)",
    response: BundleReceipt,
  },
  createDeployment: {
    method: "post",
    path: "/api/v1/deployments",
    auth: "key",
    scope: "write:deployments",
    denies: ["run"],
    summary: "Create a deployment",
    body: CreateDeploymentBody,
    response: Deployment,
  },
  listDeployments: {
    method: "get",
    path: "/api/v1/deployments",
    auth: "key",
    scope: "read:deployments",
    summary: "List deployments, newest first",
    query: DeploymentListQuery,
    response: z.object({ data: z.array(Deployment), pagination: Pagination }),
  },
  currentDeployment: {
    method: "get",
    path: "/api/v1/deployments/current",
    auth: "key",
    scope: "read:deployments",
    summary: "The deployment that new runs take",
    response: Deployment,
  },
  rollBackDeployment: {
    method: "post",
    path: "/api/v1/deployments/rollback",
    auth: "key",
    scope: "write:deployments",
    denies: ["run"],
    summary: "Go back to the deployment before, or to a named version",
    body: RollBackBody,
    hasOptionalBody: true,
    response: Deployment,
  },
  readDeployment: {
    method: "get",
    path: "/api/v1/deployments/:deploymentId",
    auth: "key",
    scope: "read:deployments",
    summary: "A deployment, by id or version",
    response: Deployment,
  },
  failDeployment: {
    method: "post",
    path: "/api/v1/deployments/:deploymentId/fail",
    auth: "key",
    scope: "write:deployments",
    denies: ["run"],
    summary: "Give up a deployment that nothing uses yet",
    body: FailDeploymentBody,
    response: Deployment,
  },
  finaliseDeployment: {
    method: "post",
    path: "/api/v1/deployments/:deploymentId/finalise",
    auth: "key",
    scope: "write:deployments",
    denies: ["run"],
    summary: "Make a deployment usable",
    response: Deployment,
  },
  promoteDeployment: {
    method: "post",
    path: "/api/v1/deployments/:deploymentId/promote",
    auth: "key",
    scope: "write:deployments",
    denies: ["run"],
    summary: "Let new runs take a deployment",
    response: Deployment,
  },
} as const satisfies Record<string, RouteSpec>;
