import { Hono } from "hono";
import { createApiKey, listApiKeys, revokeApiKey } from "../services/api-keys.ts";
import { createPersonalToken, listPersonalTokens, revokePersonalToken } from "../services/personal-tokens.ts";
import { createPublicToken, readJwtClaims } from "../services/public-tokens.ts";
import { type AppEnv, withPrincipal } from "./context.ts";
import { smallBody } from "./limit-body.ts";
import { sessionOf, withSession } from "./session-routes.ts";
import { routeSpecs as r } from "./specs.ts";
import { readOptionalBody, validBody } from "./validate.ts";

/** Keys and tokens: making, listing and ending them. */
export const credentialRoutes = (): Hono<AppEnv> => {
  const app = new Hono<AppEnv>();

  app.get(r.listApiKeys.path, withPrincipal, async (c) =>
    c.json(await listApiKeys(c.var.deps, c.var.principal)),
  );
  app.post(r.createApiKey.path, withPrincipal, smallBody, ...validBody(r.createApiKey.body), async (c) =>
    c.json(await createApiKey(c.var.deps, c.var.principal, c.req.valid("json"))),
  );
  app.post(r.revokeApiKey.path, withPrincipal, smallBody, async (c) => {
    const { graceSeconds } = await readOptionalBody(c.req, r.revokeApiKey.body);
    return c.json(await revokeApiKey(c.var.deps, c.var.principal, c.req.param("keyId"), graceSeconds));
  });
  app.post(
    r.createPublicToken.path,
    withPrincipal,
    smallBody,
    ...validBody(r.createPublicToken.body),
    async (c) => c.json(await createPublicToken(c.var.deps, c.var.principal, c.req.valid("json"))),
  );
  app.post(r.readJwtClaims.path, withPrincipal, (c) => c.json(readJwtClaims(c.var.principal)));

  app.get(r.listPersonalTokens.path, async (c) => c.json(await listPersonalTokens(c.var.deps, sessionOf(c))));
  app.post(
    r.createPersonalToken.path,
    withSession,
    smallBody,
    ...validBody(r.createPersonalToken.body),
    async (c) => c.json(await createPersonalToken(c.var.deps, sessionOf(c), c.req.valid("json"))),
  );
  app.delete(r.revokePersonalToken.path, async (c) =>
    c.json(await revokePersonalToken(c.var.deps, sessionOf(c), c.req.param("tokenId"))),
  );
  return app;
};
