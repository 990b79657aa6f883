import { tokenBodyBytesMax, tokenDataBytesMax } from "@longshore/shared/contract/waitpoints";
import { AppError } from "@longshore/shared/core/error-codes";
import { type Context, Hono } from "hono";
import { waitForDuration, waitForToken } from "../services/wait-in-run.ts";
import {
  completeByCallback,
  completeWaitToken,
  createWaitToken,
  listWaitTokens,
  readWaitToken,
} from "../services/wait-tokens.ts";
import { type AppEnv, originOf, withPrincipal } from "./context.ts";
import { limitBody, smallBody } from "./limit-body.ts";
import { routeSpecs as r } from "./specs.ts";
import { validBody, validQuery } from "./validate.ts";

/** Any JSON, and nothing for no data: whoever calls back may be a program that knows nothing of us. */
const readAnyJson = async (c: Context): Promise<unknown> => {
  const text = await c.req.text();
  if (text === "") return undefined;
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new AppError("bad_request", "The body is not valid JSON.", { cause });
  }
};

/** Wait tokens, and waits that a run's own client announces. */
export const waitRoutes = (): Hono<AppEnv> => {
  const app = new Hono<AppEnv>();
  const dataLimit = limitBody(tokenDataBytesMax);

  app.post(
    r.createWaitToken.path,
    withPrincipal,
    limitBody(tokenBodyBytesMax),
    ...validBody(r.createWaitToken.body),
    async (c) => {
      const { token, claims, ...answer } = await createWaitToken(
        c.var.deps,
        c.var.principal,
        c.req.valid("json"),
        originOf(c),
      );
      c.header("x-trigger-jwt", token);
      c.header("x-trigger-jwt-claims", JSON.stringify(claims));
      return c.json(answer);
    },
  );
  app.get(r.listWaitTokens.path, withPrincipal, validQuery(r.listWaitTokens.query), async (c) =>
    c.json(await listWaitTokens(c.var.deps, c.var.principal, c.req.valid("query"), originOf(c))),
  );
  app.get(r.retrieveWaitToken.path, withPrincipal, async (c) =>
    c.json(await readWaitToken(c.var.deps, c.var.principal, c.req.param("tokenId"), originOf(c))),
  );
  app.post(
    r.completeWaitToken.path,
    withPrincipal,
    dataLimit,
    ...validBody(r.completeWaitToken.body),
    async (c) => {
      const { data } = c.req.valid("json");
      return c.json(await completeWaitToken(c.var.deps, c.var.principal, c.req.param("tokenId"), data));
    },
  );
  app.post(r.callbackWaitToken.path, dataLimit, async (c) => {
    const { tokenId, hash } = c.req.param();
    return c.json(await completeByCallback(c.var.deps, tokenId, hash, () => readAnyJson(c)));
  });
  app.post(
    r.waitForDuration.path,
    withPrincipal,
    smallBody,
    ...validBody(r.waitForDuration.body),
    async (c) =>
      c.json(await waitForDuration(c.var.deps, c.var.principal, c.req.param("runId"), c.req.valid("json"))),
  );
  app.post(r.waitForToken.path, withPrincipal, async (c) => {
    const { runId, tokenId } = c.req.param();
    return c.json(await waitForToken(c.var.deps, c.var.principal, runId, tokenId));
  });
  return app;
};
