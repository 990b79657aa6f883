import {
  Branch,
  CreateBranchBody,
  CreateEnvVarBody,
  EnvVar,
  EnvVarList,
  ImportEnvVarsBody,
  Success,
  UpdateEnvVarBody,
} from "@longshore/shared/contract/env-vars";
import type { RouteSpec } from "./spec.ts";

const path = "/api/v1/projects/:projectRef/envvars/:slug";

/** Environment variables, and the branches that inherit them. */
export const envVarSpecs = {
  listEnvVars: {
    method: "get",
    path,
    auth: "environment",
    scope: "read:envvars",
    summary: "Variables of an environment; values of secrets are redacted",
    response: EnvVarList,
  },
  createEnvVar: {
    method: "post",
    path,
    auth: "environment",
    scope: "write:envvars",
    denies: ["run"],
    summary: "Set a variable",
    body: CreateEnvVarBody,
    response: Success,
  },
  importEnvVars: {
    method: "post",
    path: `${path}/import`,
    auth: "environment",
    scope: "write:envvars",
    denies: ["run"],
    summary: "Set many variables",
    body: ImportEnvVarsBody,
    response: Success,
  },
  readEnvVar: {
    method: "get",
    path: `${path}/:name`,
    auth: "environment",
    scope: "read:envvars",
    summary: "A variable",
    response: EnvVar,
  },
  updateEnvVar: {
    method: "put",
    path: `${path}/:name`,
    auth: "environment",
    scope: "write:envvars",
    denies: ["run"],
    summary: "Change a variable",
    body: UpdateEnvVarBody,
    response: Success,
  },
  deleteEnvVar: {
    method: "delete",
    path: `${path}/:name`,
    auth: "environment",
    scope: "write:envvars",
    denies: ["run"],
    summary: "Delete a variable",
    response: Success,
  },
  createBranch: {
    method: "post",
    path: "/api/v1/projects/:projectRef/branches",
    auth: "person",
    summary: "Make the preview environment of a branch, unless it exists",
    body: CreateBranchBody,
    response: Branch,
  },
  archiveBranch: {
    method: "post",
    path: "/api/v1/projects/:projectRef/branches/archive",
    auth: "person",
    summary: "Put the preview environment of a branch away",
    body: CreateBranchBody,
    response: Branch,
  },
} as const satisfies Record<string, RouteSpec>;
