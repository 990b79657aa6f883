import { EnvironmentToken, Session, SignInBody } from "@longshore/shared/contract/dashboard";
import type { RouteSpec } from "./spec.ts";

/** Sign-in of browsers. */
export const sessionSpecs = {
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
  signOut: {
    method: "delete",
    path: "/api/v1/session",
    auth: "none",
    summary: "End the session",
    status: 204,
  },
  environmentToken: {
    method: "post",
    path: "/api/v1/session/environments/:environmentId/token",
    auth: "session",
    summary: "A short-lived token for one environment",
    response: EnvironmentToken,
  },
} as const satisfies Record<string, RouteSpec>;
