import { type Context, Hono } from "hono";
import { addBatchItems } from "../services/add-batch-items.ts";
import { type BatchHandle, createBatch } from "../services/create-batch.ts";
import { readBatch, readBatchResults } from "../services/read-batch.ts";
import { triggerLegacyBatch } from "../services/trigger-legacy-batch.ts";
import { type AppEnv, withPrincipal } from "./context.ts";
import { limitBody } from "./limit-body.ts";
import { routeSpecs as r } from "./specs.ts";
import { validBody } from "./validate.ts";

/** A thousand task ids. Units: bytes. */
const createBytesMax = 512 * 1024;
/** Largest batch that is read at once; streams have no such limit. Units: bytes. */
const legacyBytesMax = 16 * 1024 * 1024;

const requestKeyOf = (c: Context): string | null => c.req.header("x-trigger-request-idempotency-key") ?? null;

const setHandle = (c: Context, { token, claims }: Pick<BatchHandle, "token" | "claims">): void => {
  c.header("x-trigger-jwt", token);
  c.header("x-trigger-jwt-claims", JSON.stringify(claims));
};

const legacyOf = (c: Context) => ({
  idempotencyKey: c.req.header("idempotency-key") ?? null,
  requestKey: requestKeyOf(c),
});

/** Batches: two-phase, and as older clients send them. */
export const batchRoutes = (): Hono<AppEnv> => {
  const app = new Hono<AppEnv>();
  const limit = limitBody(legacyBytesMax);

  app.post(
    r.createBatch.path,
    withPrincipal,
    limitBody(createBytesMax),
    ...validBody(r.createBatch.body),
    async (c) => {
      const handle = await createBatch(c.var.deps, c.var.principal, c.req.valid("json"), requestKeyOf(c));
      setHandle(c, handle);
      const { token: _token, claims: _claims, ...answer } = handle;
      return c.json(answer, 202);
    },
  );
  app.post(r.addBatchItems.path, withPrincipal, async (c) =>
    c.json(
      await addBatchItems(c.var.deps, c.var.principal, c.req.param("batchId"), {
        contentType: c.req.header("content-type") ?? "",
        body: c.req.raw.body,
      }),
    ),
  );
  app.get(r.retrieveBatch.path, withPrincipal, async (c) =>
    c.json(await readBatch(c.var.deps, c.var.principal, c.req.param("batchId"))),
  );
  app.get(r.retrieveBatchV1.path, withPrincipal, async (c) => {
    const { processing: _processing, ...batch } = await readBatch(
      c.var.deps,
      c.var.principal,
      c.req.param("batchId"),
    );
    return c.json(batch);
  });
  app.get(r.batchResults.path, withPrincipal, async (c) =>
    c.json(await readBatchResults(c.var.deps, c.var.principal, c.req.param("batchId"))),
  );
  app.post(r.legacyBatch.path, withPrincipal, limit, ...validBody(r.legacyBatch.body), async (c) => {
    const batch = await triggerLegacyBatch(c.var.deps, c.var.principal, c.req.valid("json"), legacyOf(c));
    setHandle(c, batch);
    return c.json({ id: batch.id, runCount: batch.runCount }, 202);
  });
  app.post(r.legacyBatchRuns.path, withPrincipal, limit, ...validBody(r.legacyBatchRuns.body), async (c) => {
    const batch = await triggerLegacyBatch(c.var.deps, c.var.principal, c.req.valid("json"), legacyOf(c));
    setHandle(c, batch);
    const { id, isCached, idempotencyKey, runs } = batch;
    return c.json({ id, isCached, ...(idempotencyKey === undefined ? {} : { idempotencyKey }), runs });
  });
  app.post(r.legacyTaskBatch.path, withPrincipal, limit, ...validBody(r.legacyTaskBatch.body), async (c) => {
    const { items, ...body } = c.req.valid("json");
    const task = c.req.param("taskId");
    const whole = { ...body, items: items.map((item) => ({ ...item, task })) };
    const batch = await triggerLegacyBatch(c.var.deps, c.var.principal, whole, legacyOf(c));
    setHandle(c, batch);
    return c.json({ batchId: batch.id, runs: batch.runs.map(({ id }) => id) });
  });
  return app;
};
