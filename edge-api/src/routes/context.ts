import { AppError } from "@longshore/shared/core/error-codes";
import type { Context } from "hono";
import { createMiddleware } from "hono/factory";
import { routePath } from "hono/route";
import { admitCaller } from "../services/admit-caller.ts";
import { authenticate, authenticatePerson, type Caller, type Person } from "../services/authenticate.ts";
import { authenticateAgent, requireProtocol } from "../services/authenticate-agent.ts";
import type { Deps } from "../services/deps.ts";
import { enterEnvironment } from "../services/enter-environment.ts";
import { enterProject, type NamedPlace } from "../services/enter-project.ts";
import { limitRate } from "../services/limit-rate.ts";
import type { Vocabulary } from "../services/serialise-run.ts";
import type { RouteSpec } from "./specs/spec.ts";
import { routeSpecs } from "./specs.ts";

type Agent = Awaited<ReturnType<typeof authenticateAgent>>;

/** What middleware leaves for handlers. */
export type AppEnv = {
  Variables: {
    deps: Deps;
    requestId: string;
    /** For every answer; see answer.ts. */
    headers: Record<string, string>;
    hasHeaders?: boolean;
    principal: Caller;
    places: readonly NamedPlace[];
    person: Person;
    agent: Agent;
  };
};

const specsByRoute = new Map(
  Object.values<RouteSpec>(routeSpecs).map((spec) => [`${spec.method} ${spec.path}`, spec]),
);

/** The listed route that a request came by; a handler of its own beside the table has none. */
const specOf = (c: Context): RouteSpec | undefined =>
  specsByRoute.get(`${c.req.method.toLowerCase()} ${routePath(c)}`);

const branchOf = (c: Context): string | null => c.req.header("x-trigger-branch") || null;

/** Says on every limited answer where the caller stands. Source: the client wire contract, 1.3: reset in milliseconds. */
const count = async (c: Context<AppEnv>, caller: Caller): Promise<void> => {
  const standing = await limitRate(c.get("deps"), caller);
  if (standing === null) return;
  const headers = c.get("headers");
  headers["x-ratelimit-limit"] = String(standing.limit);
  headers["x-ratelimit-remaining"] = String(standing.remaining);
  headers["x-ratelimit-reset"] = String(standing.resetAtMs);
  if (standing.isAllowed) return;
  const waitS = Math.max(1, Math.ceil((standing.resetAtMs - Date.now()) / 1_000));
  headers["retry-after"] = String(waitS);
  throw new AppError("rate_limited", `Too many requests with this credential. Try again in ${waitS} s.`);
};

const admit = async (c: Context<AppEnv>, caller: Caller): Promise<void> => {
  await count(c, caller);
  c.set("principal", caller);
  await admitCaller(c.get("deps"), caller, specOf(c) ?? {}, {
    method: c.req.method,
    path: c.req.path,
    key: c.req.header("x-trigger-request-idempotency-key") ?? null,
  });
};

/** Lets a live key or token of the client API through. */
export const withPrincipal = createMiddleware<AppEnv>(async (c, next) => {
  // Not by `c.var`, which makes an object of all of them each time.
  const caller = await authenticate(c.get("deps"), c.req.header("authorization"), branchOf(c));
  await admit(c, caller);
  await next();
});

/**
 * Lets whoever may enter the environment that the path names (`:projectRef`, `:slug`) through: its keys and tokens,
 * and the personal tokens of members.
 */
export const withEnvironment = createMiddleware<AppEnv>(async (c, next) => {
  const place = {
    ref: c.req.param("projectRef") ?? "",
    slug: c.req.param("slug") ?? "",
    branch: branchOf(c),
  };
  await admit(c, await enterEnvironment(c.var.deps, c.req.header("authorization"), place));
  await next();
});

/**
 * Lets whoever may see something of the project that the path names (`:projectRef`) through; handlers look at `places`,
 * the environments of it that the caller may see.
 */
export const withProject = createMiddleware<AppEnv>(async (c, next) => {
  const place = { ref: c.req.param("projectRef") ?? "", branch: branchOf(c) };
  const { caller, places } = await enterProject(c.var.deps, c.req.header("authorization"), place);
  await admit(c, caller);
  c.set("places", places);
  await next();
});

/** Lets a person through who sends a personal token. */
export const withPerson = createMiddleware<AppEnv>(async (c, next) => {
  c.set("person", await authenticatePerson(c.var.deps, c.req.header("authorization")));
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

/**
 * The address that a request came from: what the proxy in front says, where the settings name its header (the last entry:
 * callers write the ones before), else the other end of the connection. One text for all where neither is known.
 */
export const addressOf = (c: Context<AppEnv>): string => {
  const name = c.var.deps.settings.clientAddressHeader;
  const said = name === null ? undefined : c.req.header(name)?.split(",").at(-1)?.trim();
  const { incoming } = c.env as { incoming?: { socket?: { remoteAddress?: string } } };
  return said || incoming?.socket?.remoteAddress || "unknown";
};
