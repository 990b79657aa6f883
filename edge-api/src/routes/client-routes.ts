import { triggerBodyBytesMax } from "@longshore/shared/contract/trigger";
import { Hono } from "hono";
import { drainAgent, listAgents, readScaleHint, requestEnrolToken, revoke } from "../services/agents.ts";
import { cancelRunById } from "../services/cancel-run.ts";
import { listProjectRunPage, listRunPage } from "../services/list-runs.ts";
import { listTasks } from "../services/list-tasks.ts";
import { explainRun, readRunLogs, readRunTimeline } from "../services/read-run-history.ts";
import { readRunTrace, readSpan } from "../services/read-trace.ts";
import { readRun } from "../services/retrieve-run.ts";
import { triggerRun } from "../services/trigger-run.ts";
import { answerJson } from "./answer.ts";
import { type AppEnv, originOf, vocabularyOf, withPrincipal, withProject } from "./context.ts";
import { limitBody } from "./limit-body.ts";
import { routeSpecs as r } from "./specs.ts";
import { validBody, validQuery } from "./validate.ts";

/** Runs, tasks and agents, for holders of keys and tokens. */
export const clientRoutes = (): Hono<AppEnv> => {
  const app = new Hono<AppEnv>();

  app.post(
    r.triggerTask.path,
    withPrincipal,
    limitBody(triggerBodyBytesMax),
    ...validBody(r.triggerTask.body),
    async (c) => {
      const { id, isCached, token, claims } = await triggerRun(c.get("deps"), c.get("principal"), {
        task: c.req.param("taskId"),
        body: c.req.valid("json"),
        requestKey: c.req.header("x-trigger-request-idempotency-key") ?? null,
        idempotencyKey: c.req.header("idempotency-key") ?? null,
        idempotencyKeyTtl: c.req.header("idempotency-key-ttl") ?? null,
      });
      const own = { "x-trigger-jwt": token, "x-trigger-jwt-claims": JSON.stringify(claims) };
      return answerJson(c, { id, isCached }, own);
    },
  );
  app.get(r.retrieveRun.path, withPrincipal, async (c) =>
    c.json(
      await readRun(c.var.deps, c.var.principal, c.req.param("runId"), {
        vocabulary: vocabularyOf(c),
        origin: originOf(c),
      }),
    ),
  );
  app.get(r.listRuns.path, withPrincipal, validQuery(r.listRuns.query), async (c) =>
    c.json(await listRunPage(c.var.deps, c.var.principal, c.req.valid("query"), vocabularyOf(c))),
  );
  app.get(r.listProjectRuns.path, withProject, validQuery(r.listProjectRuns.query), async (c) => {
    const { deps, principal, places } = c.var;
    return c.json(await listProjectRunPage(deps, principal, places, c.req.valid("query"), vocabularyOf(c)));
  });
  app.post(r.cancelRun.path, withPrincipal, async (c) =>
    c.json(await cancelRunById(c.var.deps, c.var.principal, c.req.param("runId"))),
  );
  app.get(r.runTimeline.path, withPrincipal, async (c) =>
    c.json(await readRunTimeline(c.var.deps, c.var.principal, c.req.param("runId"))),
  );
  app.get(r.runLogs.path, withPrincipal, validQuery(r.runLogs.query), async (c) =>
    c.json(await readRunLogs(c.var.deps, c.var.principal, c.req.param("runId"), c.req.valid("query"))),
  );
  app.get(r.runTrace.path, withPrincipal, validQuery(r.runTrace.query), async (c) =>
    c.json(await readRunTrace(c.var.deps, c.var.principal, c.req.param("runId"), c.req.valid("query"))),
  );
  app.get(r.runSpan.path, withPrincipal, async (c) =>
    c.json(await readSpan(c.var.deps, c.var.principal, c.req.param("runId"), c.req.param("spanId"))),
  );
  app.get(r.explainRun.path, withPrincipal, async (c) =>
    c.json(await explainRun(c.var.deps, c.var.principal, c.req.param("runId"))),
  );

  app.get(r.listTasks.path, withPrincipal, async (c) => c.json(await listTasks(c.var.deps, c.var.principal)));
  app.get(r.listAgents.path, withPrincipal, async (c) =>
    c.json(await listAgents(c.var.deps, c.var.principal)),
  );
  app.post(r.createEnrolToken.path, withPrincipal, async (c) =>
    c.json(await requestEnrolToken(c.var.deps, c.var.principal)),
  );
  app.post(r.revokeAgent.path, withPrincipal, async (c) =>
    c.json(await revoke(c.var.deps, c.var.principal, c.req.param("agentId"))),
  );
  app.post(r.drainAgent.path, withPrincipal, async (c) =>
    c.json(await drainAgent(c.var.deps, c.var.principal, c.req.param("agentId"), true)),
  );
  app.post(r.undrainAgent.path, withPrincipal, async (c) =>
    c.json(await drainAgent(c.var.deps, c.var.principal, c.req.param("agentId"), false)),
  );
  app.get(r.scaleAgents.path, withPrincipal, async (c) =>
    c.json(await readScaleHint(c.var.deps, c.var.principal)),
  );
  return app;
};
