import { BundleHash } from "@longshore/shared/contract/deployments";
import { AppError } from "@longshore/shared/core/error-codes";
import { Hono } from "hono";
import { enrol } from "../services/agents.ts";
import { readBundle } from "../services/bundles.ts";
import { pollWork } from "../services/poll-work.ts";
import { reportFacts } from "../services/report-facts.ts";
import { type AppEnv, withAgent } from "./context.ts";
import { limitBody, smallBody } from "./limit-body.ts";
import { routeSpecs as r } from "./specs.ts";
import { validBody } from "./validate.ts";

/** Largest report that is read: outputs of up to 10 MB among its facts. Units: bytes. */
const reportBytesMax = 32 * 1024 * 1024;

/** Largest poll that is read: ten thousand held runs. Units: bytes. */
const pollBytesMax = 2 * 1024 * 1024;

/** The protocol of agents. */
export const agentRoutes = (): Hono<AppEnv> => {
  const app = new Hono<AppEnv>();

  app.post(r.enrolAgent.path, smallBody, ...validBody(r.enrolAgent.body), async (c) =>
    c.json(await enrol(c.var.deps, c.req.valid("json"))),
  );
  app.post(r.pollWork.path, withAgent, limitBody(pollBytesMax), ...validBody(r.pollWork.body), async (c) =>
    c.json(await pollWork(c.var.deps, c.var.agent, c.req.valid("json"), c.req.raw.signal)),
  );
  app.post(
    r.reportFacts.path,
    withAgent,
    limitBody(reportBytesMax),
    ...validBody(r.reportFacts.body),
    async (c) => c.json(await reportFacts(c.var.deps, c.var.agent, c.req.valid("json"))),
  );
  app.get(r.fetchBundle.path, withAgent, async (c) => {
    const hash = BundleHash.safeParse(c.req.param("hash"));
    if (!hash.success)
      throw new AppError("bad_request", "A bundle is named by its SHA-256 in lower-case hex.");
    const stream = await readBundle(c.var.deps, c.var.agent, hash.data);
    return c.body(stream, 200, { "content-type": "application/gzip" });
  });
  return app;
};
