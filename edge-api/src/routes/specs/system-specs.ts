import { z } from "zod";
import type { RouteSpec } from "./spec.ts";

/** Routes of the API itself. */
export const systemSpecs = {
  health: {
    method: "get",
    path: "/healthz",
    auth: "none",
    summary: "Whether the API and its database answer",
    response: z.object({ ok: z.boolean() }),
  },
  reference: { method: "get", path: "/reference", auth: "none", summary: "This document as a page" },
  openapi: { method: "get", path: "/openapi.json", auth: "none", summary: "This document" },
} as const satisfies Record<string, RouteSpec>;
