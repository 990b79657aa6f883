import type { z } from "zod";

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
