import type { z } from "zod";
import type { PrincipalKind } from "../../services/authenticate.ts";

/**
 * Who may call a route: `key` = secret key, public token or run token; `environment` = the same, or a member's personal
 * token, for the environment that the path names; `project` = the same for a project of which no environment is named;
 * `person` = a personal token; `agent` = an enrolled agent; `session` = a signed-in browser.
 */
export type RouteAuth = "none" | "key" | "environment" | "project" | "person" | "agent" | "session";

/** What a route takes and answers. The router, the OpenAPI document and the credential test are made from these. */
export type RouteSpec = {
  method: "get" | "post" | "put" | "delete" | "head";
  /** Path in Hono's form: `:name` is one segment. */
  path: string;
  summary: string;
  auth: RouteAuth;
  /** The scope that a restricted credential needs, as `action:type`. Refused before the body is read without any. */
  scope?: string;
  /** Kinds of caller that are refused (403) whatever their scopes say. */
  denies?: readonly PrincipalKind[];
  /** Goes on with what a one-time token began elsewhere: neither uses the token nor minds that it was used. */
  followsOneTimeUse?: true;
  query?: z.ZodType;
  body?: z.ZodType;
  /** The body is read line by line, so that only its lines have a limit. */
  isStreamed?: true;
  /** The body may be left out. */
  hasOptionalBody?: true;
  response?: z.ZodType;
  /** Status of success; 200 unless it says so. */
  status?: number;
};
