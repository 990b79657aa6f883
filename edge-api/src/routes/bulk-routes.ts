import { triggerBodyBytesMax } from "@longshore/shared/contract/trigger";
import { Hono } from "hono";
import {
  abortBulkAction,
  createBulkAction,
  listBulkActionPage,
  readBulkAction,
} from "../services/bulk-actions.ts";
import { replayRun } from "../services/replay-run.ts";
import { type AppEnv, withPrincipal } from "./context.ts";
import { limitBody } from "./limit-body.ts";
import { routeSpecs as r } from "./specs.ts";
import { readOptionalBody, validBody, validQuery } from "./validate.ts";

/** Largest list of runs that is read. Units: bytes. */
const bulkBytesMax = 512 * 1024;

/** Replays and bulk actions. */
export const bulkRoutes = (): Hono<AppEnv> => {
  const app = new Hono<AppEnv>();

  app.post(r.replayRun.path, withPrincipal, limitBody(triggerBodyBytesMax), async (c) => {
    const body = await readOptionalBody(c.req, r.replayRun.body);
    const requestKey = c.req.header("x-trigger-request-idempotency-key") ?? null;
    return c.json(await replayRun(c.var.deps, c.var.principal, c.req.param("runId"), { body, requestKey }));
  });
  app.post(
    r.createBulkAction.path,
    withPrincipal,
    limitBody(bulkBytesMax),
    ...validBody(r.createBulkAction.body),
    async (c) => c.json(await createBulkAction(c.var.deps, c.var.principal, c.req.valid("json")), 202),
  );
  app.get(r.listBulkActions.path, withPrincipal, validQuery(r.listBulkActions.query), async (c) => {
    const query = c.req.valid("query");
    const page = { size: query["page[size]"], after: query["page[after]"], before: query["page[before]"] };
    return c.json(await listBulkActionPage(c.var.deps, c.var.principal, page));
  });
  app.get(r.retrieveBulkAction.path, withPrincipal, async (c) =>
    c.json(await readBulkAction(c.var.deps, c.var.principal, c.req.param("bulkActionId"))),
  );
  app.post(r.abortBulkAction.path, withPrincipal, async (c) =>
    c.json(await abortBulkAction(c.var.deps, c.var.principal, c.req.param("bulkActionId"))),
  );
  return app;
};
