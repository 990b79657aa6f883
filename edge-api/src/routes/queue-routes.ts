import { Hono } from "hono";
import {
  listLimitPage,
  overrideLimit,
  pauseLimit,
  readLimit,
  resetLimit,
} from "../services/concurrency-limits.ts";
import {
  readEnvironmentConcurrency,
  updateEnvironmentConcurrency,
} from "../services/environment-concurrency.ts";
import { listQueuePage, readQueue, updateQueue } from "../services/queues.ts";
import { type AppEnv, withPrincipal } from "./context.ts";
import { smallBody } from "./limit-body.ts";
import { routeSpecs as r } from "./specs.ts";
import { validBody, validQuery } from "./validate.ts";

/** Queues, named limits and the environment's own. */
export const queueRoutes = (): Hono<AppEnv> => {
  const app = new Hono<AppEnv>();

  app.get(r.listQueues.path, withPrincipal, validQuery(r.listQueues.query), async (c) =>
    c.json(await listQueuePage(c.var.deps, c.var.principal, c.req.valid("query"))),
  );
  app.get(r.retrieveQueue.path, withPrincipal, validQuery(r.retrieveQueue.query), async (c) =>
    c.json(await readQueue(c.var.deps, c.var.principal, c.req.param("queue"), c.req.valid("query"))),
  );
  app.post(r.pauseQueue.path, withPrincipal, smallBody, ...validBody(r.pauseQueue.body), async (c) => {
    const body = c.req.valid("json");
    const change = { paused: body.action === "pause" };
    return c.json(await updateQueue(c.var.deps, c.var.principal, c.req.param("queue"), body, change));
  });
  app.post(r.overrideQueue.path, withPrincipal, smallBody, ...validBody(r.overrideQueue.body), async (c) => {
    const body = c.req.valid("json");
    const change = { override: body.concurrencyLimit };
    return c.json(await updateQueue(c.var.deps, c.var.principal, c.req.param("queue"), body, change));
  });
  app.post(r.resetQueue.path, withPrincipal, smallBody, ...validBody(r.resetQueue.body), async (c) => {
    const body = c.req.valid("json");
    return c.json(
      await updateQueue(c.var.deps, c.var.principal, c.req.param("queue"), body, { override: null }),
    );
  });

  app.get(r.readEnvironmentConcurrency.path, withPrincipal, async (c) =>
    c.json(await readEnvironmentConcurrency(c.var.deps, c.var.principal)),
  );
  app.put(
    r.setEnvironmentConcurrency.path,
    withPrincipal,
    smallBody,
    ...validBody(r.setEnvironmentConcurrency.body),
    async (c) => {
      const { limit, burstFactor } = c.req.valid("json");
      const change = {
        ...(limit === undefined ? {} : { limit }),
        ...(burstFactor === undefined ? {} : { burstFactor }),
      };
      return c.json(await updateEnvironmentConcurrency(c.var.deps, c.var.principal, change));
    },
  );
  app.put(
    r.pauseEnvironment.path,
    withPrincipal,
    smallBody,
    ...validBody(r.pauseEnvironment.body),
    async (c) => {
      const change = { paused: c.req.valid("json").action === "pause" };
      return c.json(await updateEnvironmentConcurrency(c.var.deps, c.var.principal, change));
    },
  );

  app.get(r.listLimits.path, withPrincipal, validQuery(r.listLimits.query), async (c) =>
    c.json(await listLimitPage(c.var.deps, c.var.principal, c.req.valid("query"))),
  );
  app.get(r.retrieveLimit.path, withPrincipal, validQuery(r.retrieveLimit.query), async (c) => {
    const { concurrencyKey } = c.req.valid("query");
    return c.json(await readLimit(c.var.deps, c.var.principal, c.req.param("name"), concurrencyKey));
  });
  app.post(r.overrideLimit.path, withPrincipal, smallBody, ...validBody(r.overrideLimit.body), async (c) =>
    c.json(await overrideLimit(c.var.deps, c.var.principal, c.req.param("name"), c.req.valid("json"))),
  );
  app.post(r.pauseLimit.path, withPrincipal, smallBody, ...validBody(r.pauseLimit.body), async (c) => {
    const { action } = c.req.valid("json");
    return c.json(await pauseLimit(c.var.deps, c.var.principal, c.req.param("name"), action));
  });
  app.post(r.resetLimit.path, withPrincipal, smallBody, ...validBody(r.resetLimit.body), async (c) => {
    const { concurrencyKey } = c.req.valid("json");
    return c.json(await resetLimit(c.var.deps, c.var.principal, c.req.param("name"), concurrencyKey));
  });
  return app;
};
