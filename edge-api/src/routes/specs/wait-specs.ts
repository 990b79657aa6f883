import {
  CompleteTokenBody,
  CompleteTokenResponse,
  CreateTokenBody,
  CreateTokenResponse,
  WaitDurationBody,
  WaitDurationResponse,
  WaitToken,
  WaitTokenList,
  WaitTokenListQuery,
} from "@longshore/shared/contract/waitpoints";
import { z } from "zod";
import type { RouteSpec } from "./spec.ts";

/** Wait tokens, and waits that a run's own client announces. */
export const waitSpecs = {
  createWaitToken: {
    method: "post",
    path: "/api/v1/waitpoints/tokens",
    auth: "key",
    scope: "write:waitpoints",
    summary: "Make a wait token",
    body: CreateTokenBody,
    response: CreateTokenResponse,
  },
  listWaitTokens: {
    method: "get",
    path: "/api/v1/waitpoints/tokens",
    auth: "key",
    scope: "read:waitpoints",
    summary: "List wait tokens, newest first",
    query: WaitTokenListQuery,
    response: WaitTokenList,
  },
  retrieveWaitToken: {
    method: "get",
    path: "/api/v1/waitpoints/tokens/:tokenId",
    auth: "key",
    scope: "read:waitpoints",
    summary: "Retrieve a wait token",
    response: WaitToken,
  },
  completeWaitToken: {
    method: "post",
    path: "/api/v1/waitpoints/tokens/:tokenId/complete",
    auth: "key",
    scope: "write:waitpoints",
    summary: "Complete a wait token",
    body: CompleteTokenBody,
    response: CompleteTokenResponse,
  },
  callbackWaitToken: {
    method: "post",
    path: "/api/v1/waitpoints/tokens/:tokenId/callback/:hash",
    auth: "none",
    summary: "Complete a wait token through its signed address, with any JSON",
    response: CompleteTokenResponse,
  },
  waitForDuration: {
    method: "post",
    path: "/engine/v1/runs/:runId/wait/duration",
    auth: "key",
    scope: "write:runs",
    summary: "Register a time that a run is about to wait for",
    body: WaitDurationBody,
    response: WaitDurationResponse,
  },
  waitForToken: {
    method: "post",
    path: "/engine/v1/runs/:runId/waitpoints/tokens/:tokenId/wait",
    auth: "key",
    scope: "write:runs",
    summary: "Register a wait token that a run is about to wait for",
    response: z.object({ success: z.boolean() }),
  },
} as const satisfies Record<string, RouteSpec>;
