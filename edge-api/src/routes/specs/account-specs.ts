import {
  ArchivedDevSession,
  CreatedProject,
  CreateProjectBody,
  DevSession,
  EnvironmentPlace,
  OpenDevSessionBody,
  PlaceToken,
  ProjectList,
  Whoami,
} from "@longshore/shared/contract/account";
import {
  CollectedSignIn,
  CollectSignInBody,
  SignInRequest,
  StartedSignIn,
  StartSignInBody,
} from "@longshore/shared/contract/sign-in-requests";
import type { RouteSpec } from "./spec.ts";

const requestPath = "/api/v1/session/sign-in-requests/:userCode";

/** Signing a program in through a browser, and what its personal token opens. */
export const accountSpecs = {
  startSignIn: {
    method: "post",
    path: "/api/v1/sign-in-requests",
    auth: "none",
    summary: "Ask to be signed in by somebody in a browser",
    body: StartSignInBody,
    response: StartedSignIn,
  },
  collectSignIn: {
    method: "post",
    path: "/api/v1/sign-in-requests/token",
    auth: "none",
    summary: "The personal token of a request that was allowed, once",
    body: CollectSignInBody,
    response: CollectedSignIn,
  },
  readSignInRequest: {
    method: "get",
    path: requestPath,
    auth: "session",
    summary: "Who asks to be signed in",
    response: SignInRequest,
  },
  approveSignIn: {
    method: "post",
    path: `${requestPath}/approve`,
    auth: "session",
    summary: "Allow a sign-in request",
    response: SignInRequest,
  },
  refuseSignIn: {
    method: "post",
    path: `${requestPath}/refuse`,
    auth: "session",
    summary: "Refuse a sign-in request",
    response: SignInRequest,
  },
  whoami: {
    method: "get",
    path: "/api/v2/whoami",
    auth: "person",
    summary: "Whose personal token this is",
    response: Whoami,
  },
  endOwnToken: {
    method: "delete",
    path: "/api/v2/whoami",
    auth: "person",
    summary: "End the personal token that asks",
    status: 204,
  },
  listProjects: {
    method: "get",
    path: "/api/v1/projects",
    auth: "person",
    summary: "Projects and their environments",
    response: ProjectList,
  },
  createProject: {
    method: "post",
    path: "/api/v1/projects",
    auth: "person",
    summary: "Make a project with its environments, unless the organization has one of that name",
    body: CreateProjectBody,
    response: CreatedProject,
  },
  readPlace: {
    method: "get",
    path: "/api/v1/environment",
    auth: "key",
    denies: ["run", "token"],
    summary: "The environment that a key opens",
    response: EnvironmentPlace,
  },
  createPlaceToken: {
    method: "post",
    path: "/api/v1/projects/:projectRef/environments/:slug/token",
    auth: "environment",
    denies: ["run", "token"],
    summary: "A short-lived token of an environment",
    response: PlaceToken,
  },
  openDevSession: {
    method: "post",
    path: "/api/v1/projects/:projectRef/dev-sessions",
    auth: "person",
    summary: "An environment of its own for one development session, with an agent's enrolment",
    body: OpenDevSessionBody,
    response: DevSession,
  },
  archiveDevSession: {
    method: "post",
    path: "/api/v1/projects/:projectRef/dev-sessions/archive",
    auth: "person",
    summary: "Put the environment of a development session away, unless something of it runs",
    body: OpenDevSessionBody,
    response: ArchivedDevSession,
  },
} as const satisfies Record<string, RouteSpec>;
