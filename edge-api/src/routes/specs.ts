import {
  EnrolBody,
  EnrolResponse,
  PollBody,
  PollResponse,
  ReportBody,
  ReportResponse,
} from "@longshore/shared/contract/agent-protocol";
import {
  AgentList,
  EnrolTokenResponse,
  EnvironmentToken,
  Session,
  SignInBody,
  TaskList,
} from "@longshore/shared/contract/dashboard";
import { BundleReceipt, CreateDeploymentBody, Deployment } from "@longshore/shared/contract/deployments";
import {
  Pagination,
  Run,
  RunExplanation,
  RunIdResponse,
  RunList,
  RunListQuery,
  RunLogs,
  RunLogsQuery,
  RunTimeline,
} from "@longshore/shared/contract/runs";
import { TriggerBody, TriggerResponse } from "@longshore/shared/contract/trigger";
import { z } from "zod";

/** Who may call a route: `key` = secret key, public token or run token; `agent` = an enrolled agent; `session` = a signed-in browser. */
export type RouteAuth = "none" | "key" | "agent" | "session";

/** What a route takes and answers. The router, the OpenAPI document and the credential test are made from these. */
export type RouteSpec = {
  method: "get" | "post" | "put" | "delete" | "head";
  /** Path in Hono's form: `:name` is one segment. */
  path: string;
  summary: string;
  auth: RouteAuth;
  /** The scope that a restricted credential needs, as `action:type`. */
  scope?: string;
  query?: z.ZodType;
  body?: z.ZodType;
  response?: z.ZodType;
};

const Id = RunIdResponse;
export const DeploymentListQuery = z.object({
  "page[size]": z.coerce.number().int().min(1).max(100).default(25),
  "page[after]": z.string().optional(),
});

/** Every route of the API. */
export const routeSpecs = {
  health: {
    method: "get",
    path: "/healthz",
    auth: "none",
    summary: "Whether the API and its database answer",
    response: z.object({ ok: z.boolean() }),
  },
  openapi: { method: "get", path: "/openapi.json", auth: "none", summary: "This document" },

  triggerTask: {
    method: "post",
    path: "/api/v1/tasks/:taskId/trigger",
    auth: "key",
    scope: "trigger:tasks",
    summary: "Trigger a task",
    body: TriggerBody,
    response: TriggerResponse,
  },
  retrieveRun: {
    method: "get",
    path: "/api/v3/runs/:runId",
    auth: "key",
    scope: "read:runs",
    summary: "Retrieve a run",
    response: Run,
  },
  listRuns: {
    method: "get",
    path: "/api/v1/runs",
    auth: "key",
    scope: "read:runs",
    summary: "List runs, newest first",
    query: RunListQuery,
    response: RunList,
  },
  cancelRun: {
    method: "post",
    path: "/api/v2/runs/:runId/cancel",
    auth: "key",
    scope: "write:runs",
    summary: "Cancel a run",
    response: Id,
  },
  runTimeline: {
    method: "get",
    path: "/api/v1/runs/:runId/events",
    auth: "key",
    scope: "read:runs",
    summary: "What happened to a run",
    response: RunTimeline,
  },
  runLogs: {
    method: "get",
    path: "/api/v1/runs/:runId/logs",
    auth: "key",
    scope: "read:runs",
    summary: "Lines that a run wrote",
    query: RunLogsQuery,
    response: RunLogs,
  },
  explainRun: {
    method: "get",
    path: "/api/v1/runs/:runId/explain",
    auth: "key",
    scope: "read:runs",
    summary: "Why a run is where it is",
    response: RunExplanation,
  },

  listTasks: {
    method: "get",
    path: "/api/v1/tasks",
    auth: "key",
    scope: "read:tasks",
    summary: "Tasks of the current deployment",
    response: TaskList,
  },
  listAgents: {
    method: "get",
    path: "/api/v1/agents",
    auth: "key",
    scope: "read:agents",
    summary: "Agents that serve the environment",
    response: AgentList,
  },
  createEnrolToken: {
    method: "post",
    path: "/api/v1/agents/enrol-tokens",
    auth: "key",
    scope: "write:agents",
    summary: "A one-time token that enrols an agent",
    response: EnrolTokenResponse,
  },
  revokeAgent: {
    method: "post",
    path: "/api/v1/agents/:agentId/revoke",
    auth: "key",
    scope: "write:agents",
    summary: "Refuse an agent from now on",
    response: Id,
  },

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

  signIn: {
    method: "post",
    path: "/api/v1/session/sign-in",
    auth: "none",
    summary: "Open a session with a one-time link's token",
    body: SignInBody,
    response: Session,
  },
  getSession: {
    method: "get",
    path: "/api/v1/session",
    auth: "session",
    summary: "Who is signed in",
    response: Session,
  },
  signOut: { method: "delete", path: "/api/v1/session", auth: "none", summary: "End the session" },
  environmentToken: {
    method: "post",
    path: "/api/v1/session/environments/:environmentId/token",
    auth: "session",
    summary: "A short-lived token for one environment",
    response: EnvironmentToken,
  },

  enrolAgent: {
    method: "post",
    path: "/agent/v1/enrol",
    auth: "none",
    summary: "Enrol an agent with a one-time token",
    body: EnrolBody,
    response: EnrolResponse,
  },
  pollWork: {
    method: "post",
    path: "/agent/v1/poll",
    auth: "agent",
    summary: "Wait for work",
    body: PollBody,
    response: PollResponse,
  },
  reportFacts: {
    method: "post",
    path: "/agent/v1/report",
    auth: "agent",
    summary: "Report what happened, and take more work",
    body: ReportBody,
    response: ReportResponse,
  },
  fetchBundle: {
    method: "get",
    path: "/agent/v1/bundles/:hash",
    auth: "agent",
    summary: "Download a bundle (the archive's bytes)",
  },
} as const satisfies Record<string, RouteSpec>;
