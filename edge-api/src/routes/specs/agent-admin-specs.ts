import { AgentDrain, AgentList, EnrolTokenResponse, ScaleHint } from "@longshore/shared/contract/dashboard";
import { RunIdResponse } from "@longshore/shared/contract/runs";
import type { RouteSpec } from "./spec.ts";

/** Agents as people manage them. */
export const agentAdminSpecs = {
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
  drainAgent: {
    method: "post",
    path: "/api/v1/agents/:agentId/drain",
    auth: "key",
    scope: "write:agents",
    summary: "Let an agent take no more runs; those it has go on",
    response: AgentDrain,
  },
  undrainAgent: {
    method: "post",
    path: "/api/v1/agents/:agentId/undrain",
    auth: "key",
    scope: "write:agents",
    summary: "Let a drained agent take runs again",
    response: AgentDrain,
  },
  scaleAgents: {
    method: "get",
    path: "/api/v1/agents/scale",
    auth: "key",
    scope: "read:agents",
    summary: "How many slots the pool's runs could use now, for autoscalers",
    response: ScaleHint,
  },
  revokeAgent: {
    method: "post",
    path: "/api/v1/agents/:agentId/revoke",
    auth: "key",
    scope: "write:agents",
    summary: "Refuse an agent from now on",
    response: RunIdResponse,
  },
} as const satisfies Record<string, RouteSpec>;
