import {
  EnrolBody,
  EnrolResponse,
  PollBody,
  PollResponse,
  ReportBody,
  ReportResponse,
} from "@longshore/shared/contract/agent-protocol";
import type { RouteSpec } from "./spec.ts";

/** The agent protocol. */
export const agentSpecs = {
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
