import { AppError } from "@longshore/shared/core/error-codes";
import { newId } from "@longshore/shared/core/ids";
import { Hono } from "hono";
import { cors } from "hono/cors";
import { checkHealth } from "../services/check-health.ts";
import type { Deps } from "../services/deps.ts";
import { accountRoutes } from "./account-routes.ts";
import { agentRoutes } from "./agent-routes.ts";
import { addHeaders } from "./answer.ts";
import { answerInTime } from "./answer-in-time.ts";
import { batchRoutes } from "./batch-routes.ts";
import { bulkRoutes } from "./bulk-routes.ts";
import { clientRoutes } from "./client-routes.ts";
import type { AppEnv } from "./context.ts";
import { credentialRoutes } from "./credential-routes.ts";
import { deploymentRoutes } from "./deployment-routes.ts";
import { envVarRoutes } from "./env-var-routes.ts";
import { answerError } from "./errors.ts";
import { packetRoutes } from "./packet-routes.ts";
import { queueRoutes } from "./queue-routes.ts";
import { referenceRoutes } from "./reference-routes.ts";
import { refuseOtherPages } from "./refuse-other-pages.ts";
import { runEditRoutes } from "./run-edit-routes.ts";
import { scheduleRoutes } from "./schedule-routes.ts";
import { sessionRoutes } from "./session-routes.ts";
import { routeSpecs as r } from "./specs.ts";
import { waitRoutes } from "./wait-routes.ts";

/** How long a browser remembers that it may call. Units: seconds. */
const corsMaxAgeS = 300;

/**
 * The API, whatever runtime serves it. `depsOf` is asked once a request: a runtime without lasting connections makes
 * them then.
 */
export const createApp = (
  depsOf: (env: unknown, later: (work: Promise<unknown>) => void) => Deps,
): Hono<AppEnv> => {
  const app = new Hono<AppEnv>();
  app.use(async (c, next) => {
    const requestId = newId("request");
    c.set("requestId", requestId);
    c.set("headers", { "x-request-id": requestId });
    c.set(
      "deps",
      depsOf(c.env, (work) => runLater(c, work)),
    );
    await next();
    addHeaders(c);
  });
  app.use(async (c, next) => {
    // Postgres holds no NUL: no id, cursor or filter has one.
    if (c.req.url.includes("%00")) throw new AppError("bad_request", "The address holds a NUL character.");
    await next();
  });
  const allowBrowsers = cors({
    origin: "*",
    maxAge: corsMaxAgeS,
    exposeHeaders: ["*"],
    allowHeaders: ["*", "authorization", "content-type"],
  });
  // Servers name no origin, and these headers are for browsers alone.
  app.use("/api/*", (c, next) => (c.req.header("origin") === undefined ? next() : allowBrowsers(c, next)));
  app.use("/api/v1/session/*", refuseOtherPages);
  app.use("/api/*", answerInTime);
  app.get(r.health.path, async (c) => c.json(await checkHealth(c.var.deps)));
  app.route("/", referenceRoutes());
  app.route("/", clientRoutes());
  app.route("/", runEditRoutes());
  app.route("/", batchRoutes());
  app.route("/", packetRoutes());
  app.route("/", credentialRoutes());
  app.route("/", bulkRoutes());
  app.route("/", queueRoutes());
  app.route("/", scheduleRoutes());
  app.route("/", deploymentRoutes());
  app.route("/", envVarRoutes());
  app.route("/", sessionRoutes());
  app.route("/", accountRoutes());
  app.route("/", waitRoutes());
  app.route("/", agentRoutes());
  const noRoute = () => new AppError("not_found", "There is no such route.", { shouldRetry: false });
  for (const prefix of ["/api/*", "/agent/*", "/engine/*", "/realtime/*"]) {
    app.all(prefix, () => {
      throw noRoute();
    });
  }
  // Elsewhere a runtime serves the dashboard, but only by GET.
  app.notFound((c) => answerError(noRoute(), c));
  app.onError(answerError);
  return app;
};

/** Without a runtime that keeps a request's work alive, the process itself does. */
const runLater = (
  c: { executionCtx: { waitUntil(work: Promise<unknown>): void } },
  work: Promise<unknown>,
): void => {
  try {
    c.executionCtx.waitUntil(work);
  } catch {
    work.catch(() => undefined);
  }
};
