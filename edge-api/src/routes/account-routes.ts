import { Hono } from "hono";
import { createPlaceToken, endOwnToken, listProjects, readPlace, whoami } from "../services/account.ts";
import { archiveDevSession } from "../services/archive-dev-session.ts";
import { createProject } from "../services/create-project.ts";
import { openDevSession } from "../services/open-dev-session.ts";
import { collectSignIn, decideSignIn, readSignInRequest, startSignIn } from "../services/sign-in-requests.ts";
import { type AppEnv, addressOf, originOf, withEnvironment, withPerson, withPrincipal } from "./context.ts";
import { smallBody } from "./limit-body.ts";
import { sessionOf } from "./session-routes.ts";
import { routeSpecs as r } from "./specs.ts";
import { validBody } from "./validate.ts";

/** Signing programs in, and what their personal tokens open. */
export const accountRoutes = (): Hono<AppEnv> => {
  const app = new Hono<AppEnv>();

  app.post(r.startSignIn.path, smallBody, ...validBody(r.startSignIn.body), async (c) =>
    c.json(
      await startSignIn(c.var.deps, c.req.valid("json"), { origin: originOf(c), address: addressOf(c) }),
    ),
  );
  app.post(r.collectSignIn.path, smallBody, ...validBody(r.collectSignIn.body), async (c) =>
    c.json(await collectSignIn(c.var.deps, c.req.valid("json").deviceCode)),
  );
  app.get(r.readSignInRequest.path, async (c) =>
    c.json(await readSignInRequest(c.var.deps, sessionOf(c), c.req.param("userCode"))),
  );
  app.post(r.approveSignIn.path, async (c) =>
    c.json(await decideSignIn(c.var.deps, sessionOf(c), c.req.param("userCode"), "approved")),
  );
  app.post(r.refuseSignIn.path, async (c) =>
    c.json(await decideSignIn(c.var.deps, sessionOf(c), c.req.param("userCode"), "refused")),
  );
  app.get(r.whoami.path, withPerson, async (c) =>
    c.json(await whoami(c.var.deps, c.var.person, originOf(c))),
  );
  app.delete(r.endOwnToken.path, withPerson, async (c) => {
    await endOwnToken(c.var.deps, c.var.person);
    return c.body(null, 204);
  });
  app.get(r.listProjects.path, withPerson, async (c) => c.json(await listProjects(c.var.deps, c.var.person)));
  app.post(r.createProject.path, withPerson, smallBody, ...validBody(r.createProject.body), async (c) =>
    c.json(await createProject(c.var.deps, c.var.person, c.req.valid("json"))),
  );
  app.get(r.readPlace.path, withPrincipal, async (c) => c.json(await readPlace(c.var.deps, c.var.principal)));
  app.post(r.createPlaceToken.path, withEnvironment, async (c) =>
    c.json(await createPlaceToken(c.var.deps, c.var.principal)),
  );
  app.post(r.openDevSession.path, withPerson, smallBody, ...validBody(r.openDevSession.body), async (c) => {
    const place = { ref: c.req.param("projectRef"), name: c.req.valid("json").name };
    return c.json(await openDevSession(c.var.deps, c.var.person, place));
  });
  app.post(
    r.archiveDevSession.path,
    withPerson,
    smallBody,
    ...validBody(r.archiveDevSession.body),
    async (c) => {
      const place = { ref: c.req.param("projectRef"), name: c.req.valid("json").name };
      return c.json(await archiveDevSession(c.var.deps, c.var.person, place));
    },
  );
  return app;
};
