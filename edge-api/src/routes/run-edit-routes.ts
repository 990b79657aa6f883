import { Hono } from "hono";
import { addTags, reschedule, resetKey } from "../services/edit-run.ts";
import { readRunResult } from "../services/read-run.ts";
import { readMetadata, updateRunMetadata } from "../services/run-metadata.ts";
import { type AppEnv, vocabularyOf, withPrincipal } from "./context.ts";
import { limitBody, smallBody } from "./limit-body.ts";
import { routeSpecs as r } from "./specs.ts";
import { validBody } from "./validate.ts";

/** Metadata of 256 KB and as many changes to it. Units: bytes. */
const metadataBodyBytesMax = 1024 * 1024;
/** A hundred tags, however they are written. Units: bytes. */
const tagsBodyBytesMax = 128 * 1024;

/** What may be changed about a run, and its result. */
export const runEditRoutes = (): Hono<AppEnv> => {
  const app = new Hono<AppEnv>();

  app.post(
    r.addRunTags.path,
    withPrincipal,
    limitBody(tagsBodyBytesMax),
    ...validBody(r.addRunTags.body),
    async (c) =>
      c.json(await addTags(c.var.deps, c.var.principal, c.req.param("runId"), c.req.valid("json").tags)),
  );
  app.get(r.runMetadata.path, withPrincipal, async (c) =>
    c.json(await readMetadata(c.var.deps, c.var.principal, c.req.param("runId"))),
  );
  app.put(
    r.updateRunMetadata.path,
    withPrincipal,
    limitBody(metadataBodyBytesMax),
    ...validBody(r.updateRunMetadata.body),
    async (c) =>
      c.json(await updateRunMetadata(c.var.deps, c.var.principal, c.req.param("runId"), c.req.valid("json"))),
  );
  app.post(r.rescheduleRun.path, withPrincipal, smallBody, ...validBody(r.rescheduleRun.body), async (c) => {
    const { delay } = c.req.valid("json");
    return c.json(
      await reschedule(c.var.deps, c.var.principal, c.req.param("runId"), delay, vocabularyOf(c)),
    );
  });
  app.get(r.runResult.path, withPrincipal, async (c) =>
    c.json(await readRunResult(c.var.deps, c.var.principal, c.req.param("runId"))),
  );
  app.post(
    r.resetIdempotencyKey.path,
    withPrincipal,
    smallBody,
    ...validBody(r.resetIdempotencyKey.body),
    async (c) => {
      const { taskIdentifier } = c.req.valid("json");
      return c.json(await resetKey(c.var.deps, c.var.principal, c.req.param("key"), taskIdentifier));
    },
  );
  return app;
};
