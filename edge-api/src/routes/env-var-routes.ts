import { Hono } from "hono";
import { archiveBranch } from "../services/archive-branch.ts";
import { createBranch } from "../services/create-branch.ts";
import {
  createEnvVar,
  deleteEnvVar,
  importEnvVars,
  listEnvVars,
  readEnvVar,
  updateEnvVar,
} from "../services/env-vars.ts";
import { type AppEnv, withEnvironment, withPerson } from "./context.ts";
import { limitBody, smallBody } from "./limit-body.ts";
import { routeSpecs as r } from "./specs.ts";
import { validBody } from "./validate.ts";

/** Largest body with variables in it: what an environment may hold, escaped. Units: bytes. */
const varsBytesMax = 1024 * 1024;
const varsBody = limitBody(varsBytesMax);

/** Environment variables and branches. */
export const envVarRoutes = (): Hono<AppEnv> => {
  const app = new Hono<AppEnv>();

  app.get(r.listEnvVars.path, withEnvironment, async (c) =>
    c.json(await listEnvVars(c.var.deps, c.var.principal)),
  );
  app.post(r.createEnvVar.path, withEnvironment, varsBody, ...validBody(r.createEnvVar.body), async (c) =>
    c.json(await createEnvVar(c.var.deps, c.var.principal, c.req.valid("json"))),
  );
  app.post(r.importEnvVars.path, withEnvironment, varsBody, ...validBody(r.importEnvVars.body), async (c) =>
    c.json(await importEnvVars(c.var.deps, c.var.principal, c.req.valid("json"))),
  );
  app.get(r.readEnvVar.path, withEnvironment, async (c) =>
    c.json(await readEnvVar(c.var.deps, c.var.principal, c.req.param("name"))),
  );
  app.put(r.updateEnvVar.path, withEnvironment, varsBody, ...validBody(r.updateEnvVar.body), async (c) => {
    const { value } = c.req.valid("json");
    return c.json(await updateEnvVar(c.var.deps, c.var.principal, c.req.param("name"), value));
  });
  app.delete(r.deleteEnvVar.path, withEnvironment, async (c) =>
    c.json(await deleteEnvVar(c.var.deps, c.var.principal, c.req.param("name"))),
  );
  app.post(r.createBranch.path, withPerson, smallBody, ...validBody(r.createBranch.body), async (c) => {
    const place = { ref: c.req.param("projectRef"), branch: c.req.valid("json").branch };
    return c.json(await createBranch(c.var.deps, c.var.person, place));
  });
  app.post(r.archiveBranch.path, withPerson, smallBody, ...validBody(r.archiveBranch.body), async (c) => {
    const place = { ref: c.req.param("projectRef"), branch: c.req.valid("json").branch };
    return c.json(await archiveBranch(c.var.deps, c.var.person, place));
  });
  return app;
};
