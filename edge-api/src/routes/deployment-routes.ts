import { BundleHash, bundleBytesMax, bundlePartBytesMax } from "@longshore/shared/contract/deployments";
import { AppError } from "@longshore/shared/core/error-codes";
import { Hono } from "hono";
import { assembleBundle, requireBundlePart, storeBundlePart } from "../services/bundle-parts.ts";
import { requireBundle, storeBundle } from "../services/bundles.ts";
import { setDeploymentVariables } from "../services/deployment-variables.ts";
import {
  createDeployment,
  failDeployment,
  finaliseDeployment,
  promoteDeployment,
  rollBackDeployment,
} from "../services/deployments.ts";
import { listDeployments, readCurrentDeployment, readDeployment } from "../services/list-deployments.ts";
import { type AppEnv, withPrincipal } from "./context.ts";
import { limitBody, smallBody } from "./limit-body.ts";
import { routeSpecs as r } from "./specs.ts";
import { readOptionalBody, validBody, validQuery } from "./validate.ts";

/** Largest manifest that is read. Units: bytes. */
const manifestBytesMax = 8 * 1024 * 1024;

/** Largest report of a failure, its output escaped. Units: bytes. */
const failureBytesMax = 1024 * 1024;

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
  app.put(r.storeBundle.path, withPrincipal, limitBody(bundleBytesMax), async (c) => {
    const bytes = new Uint8Array(await c.req.arrayBuffer());
    return c.json(await storeBundle(c.var.deps, c.var.principal, hashOf(c.req.param("hash")), bytes));
  });
  app.get(r.hasBundlePart.path, withPrincipal, async (c) => {
    if (c.req.method !== "HEAD") throw new AppError("method_not_allowed", "Parts of bundles are not read.");
    await requireBundlePart(c.var.deps, c.var.principal, hashOf(c.req.param("part")));
    return c.body(null, 200);
  });
  app.put(r.storeBundlePart.path, withPrincipal, limitBody(bundlePartBytesMax), async (c) => {
    const bytes = new Uint8Array(await c.req.arrayBuffer());
    return c.json(await storeBundlePart(c.var.deps, c.var.principal, hashOf(c.req.param("part")), bytes));
  });
  app.post(
    r.assembleBundle.path,
    withPrincipal,
    smallBody,
    ...validBody(r.assembleBundle.body),
    async (c) => {
      const hash = hashOf(c.req.param("hash"));
      return c.json(await assembleBundle(c.var.deps, c.var.principal, hash, c.req.valid("json")));
    },
  );
  app.post(
    r.createDeployment.path,
    withPrincipal,
    limitBody(manifestBytesMax),
    ...validBody(r.createDeployment.body),
    async (c) => c.json(await createDeployment(c.var.deps, c.var.principal, c.req.valid("json"))),
  );
  app.get(r.listDeployments.path, withPrincipal, validQuery(r.listDeployments.query), async (c) => {
    const { "page[after]": after, "page[size]": size, ...filters } = c.req.valid("query");
    return c.json(await listDeployments(c.var.deps, c.var.principal, { ...filters, after, size }));
  });
  app.get(r.currentDeployment.path, withPrincipal, async (c) =>
    c.json(await readCurrentDeployment(c.var.deps, c.var.principal)),
  );
  app.post(r.rollBackDeployment.path, withPrincipal, smallBody, async (c) => {
    const wish = await readOptionalBody(c.req, r.rollBackDeployment.body);
    return c.json(await rollBackDeployment(c.var.deps, c.var.principal, wish));
  });
  app.get(r.readDeployment.path, withPrincipal, async (c) =>
    c.json(await readDeployment(c.var.deps, c.var.principal, c.req.param("deploymentId"))),
  );
  app.post(
    r.failDeployment.path,
    withPrincipal,
    limitBody(failureBytesMax),
    ...validBody(r.failDeployment.body),
    async (c) => {
      const { error } = c.req.valid("json");
      return c.json(await failDeployment(c.var.deps, c.var.principal, c.req.param("deploymentId"), error));
    },
  );
  app.post(
    r.setDeploymentVariables.path,
    withPrincipal,
    limitBody(manifestBytesMax),
    ...validBody(r.setDeploymentVariables.body),
    async (c) => {
      const id = c.req.param("deploymentId");
      return c.json(await setDeploymentVariables(c.var.deps, c.var.principal, id, c.req.valid("json")));
    },
  );
  app.post(r.finaliseDeployment.path, withPrincipal, async (c) =>
    c.json(await finaliseDeployment(c.var.deps, c.var.principal, c.req.param("deploymentId"))),
  );
  app.post(r.promoteDeployment.path, withPrincipal, async (c) =>
    c.json(await promoteDeployment(c.var.deps, c.var.principal, c.req.param("deploymentId"))),
  );
  return app;
};
