import type { Context } from "hono";
import { createMiddleware } from "hono/factory";
import { authenticate, type Principal } from "../services/authenticate.ts";
import { authenticateAgent, requireProtocol } from "../services/authenticate-agent.ts";
import type { Deps } from "../services/deps.ts";
import type { Vocabulary } from "../services/serialise-run.ts";

type Agent = Awaited<ReturnType<typeof authenticateAgent>>;

/** What middleware leaves for handlers. */
export type AppEnv = { Variables: { deps: Deps; requestId: string; principal: Principal; agent: Agent } };

/** Lets a live key or token of the client API through. */
export const withPrincipal = createMiddleware<AppEnv>(async (c, next) => {
  c.set("principal", await authenticate(c.var.deps, c.req.header("authorization")));
  await next();
});

/** Lets an enrolled agent through that speaks this protocol. */
export const withAgent = createMiddleware<AppEnv>(async (c, next) => {
  requireProtocol(c.req.header("x-longshore-protocol"));
  c.set("agent", await authenticateAgent(c.var.deps, c.req.header("authorization")));
  await next();
});

/** The API version whose status words all of today's clients know. */
const currentVersion = "2025-07-16";

export const vocabularyOf = (c: Context): Vocabulary =>
  c.req.header("x-trigger-api-version") === currentVersion ? "current" : "legacy";

/** Where callers reach this API: as configured, else as this one did. */
export const originOf = (c: Context<AppEnv>): string =>
  (c.var.deps.publicUrl ?? new URL(c.req.url).origin).replace(/\/+$/, "");
