import { BundleHash, bundleBytesMax } from "@longshore/shared/contract/deployments";
import { AppError } from "@longshore/shared/core/error-codes";
import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { requireBundle, storeBundle } from "../services/bundles.ts";
import {
  createDeployment,
  finaliseDeployment,
  listDeployments,
  promoteDeployment,
} from "../services/deployments.ts";
import { type AppEnv, withPrincipal } from "./context.ts";
import { tooLarge } from "./errors.ts";
import { routeSpecs as r } from "./specs.ts";
import { validBody, validQuery } from "./validate.ts";

/** Largest manifest that is read. Units: bytes. */
const manifestBytesMax = 8 * 1024 * 1024;

const hashOf = (text: string): string => {
  const parsed = BundleHash.safeParse(text);
  if (!parsed.success)
    throw new AppError("bad_request", "A bundle is named by its SHA-256 in lower-case hex.");
  return parsed.data;
};

/** Bundles and deployments. */
export const deploymentRoutes = (): Hono<AppEnv> => {
  const app = new Hono<AppEnv>();

  // Hono answers HEAD with the handler of GET, without its body.
  app.get(r.hasBundle.path, withPrincipal, async (c) => {
    if (c.req.method !== "HEAD") throw new AppError("method_not_allowed", "Bundles are read by agents only.");
    await requireBundle(c.var.deps, c.var.principal, hashOf(c.req.param("hash")));
    return c.body(null, 200);
  });
  app.put(
    r.storeBundle.path,
    withPrincipal,
    bodyLimit({ maxSize: bundleBytesMax, onError: tooLarge(bundleBytesMax) }),
    async (c) => {
      const bytes = new Uint8Array(await c.req.arrayBuffer());
      return c.json(await storeBundle(c.var.deps, c.var.principal, hashOf(c.req.param("hash")), bytes));
    },
  );
  app.post(
    r.createDeployment.path,
    withPrincipal,
    bodyLimit({ maxSize: manifestBytesMax, onError: tooLarge(manifestBytesMax) }),
    ...validBody(r.createDeployment.body),
    async (c) => c.json(await createDeployment(c.var.deps, c.var.principal, c.req.valid("json"))),
  );
  app.get(r.listDeployments.path, withPrincipal, validQuery(r.listDeployments.query), async (c) => {
    const query = c.req.valid("query");
    const page = { after: query["page[after]"], size: query["page[size]"] };
    return c.json(await listDeployments(c.var.deps, c.var.principal, page));
  });
  app.post(r.finaliseDeployment.path, withPrincipal, async (c) =>
    c.json(await finaliseDeployment(c.var.deps, c.var.principal, c.req.param("deploymentId"))),
  );
  app.post(r.promoteDeployment.path, withPrincipal, async (c) =>
    c.json(await promoteDeployment(c.var.deps, c.var.principal, c.req.param("deploymentId"))),
  );
  return app;
};
