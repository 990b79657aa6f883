import { BundleReceipt, CreateDeploymentBody, Deployment } from "@longshore/shared/contract/deployments";
import { Pagination } from "@longshore/shared/contract/runs";
import { z } from "zod";
import type { RouteSpec } from "./spec.ts";

/** Query of the list of deployments. */
export const DeploymentListQuery = z.object({
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
    summary: "Whether a bundle has been uploaded",
  },
  storeBundle: {
    method: "put",
    path: "/api/v1/bundles/:hash",
    auth: "key",
    scope: "write:deployments",
    summary: "Upload a bundle (the archive's bytes)",
    response: BundleReceipt,
  },
  createDeployment: {
    method: "post",
    path: "/api/v1/deployments",
    auth: "key",
    scope: "write:deployments",
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
  finaliseDeployment: {
    method: "post",
    path: "/api/v1/deployments/:deploymentId/finalise",
    auth: "key",
    scope: "write:deployments",
    summary: "Make a deployment usable",
    response: Deployment,
  },
  promoteDeployment: {
    method: "post",
    path: "/api/v1/deployments/:deploymentId/promote",
    auth: "key",
    scope: "write:deployments",
    summary: "Let new runs take a deployment",
    response: Deployment,
  },
} as const satisfies Record<string, RouteSpec>;
