import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { serveStatic } from "@hono/node-server/serve-static";
import type { Env, Hono } from "hono";
import type { Log } from "../services/deps.ts";

const buildCommand = "npx pnpm --filter @longshore/dashboard build";

/** What a checkout shows that has not built its dashboard; published packages bring it along. */
const notBuiltPage = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Dashboard not built</title>
<style>
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 40rem; margin: 4rem auto; padding: 0 1rem; color-scheme: light dark }
  code { display: block; padding: 0.75rem 1rem; border: 1px solid; border-radius: 6px; overflow-x: auto }
</style>
<h1>The dashboard has not been built</h1>
<p>The API runs; its pages are not part of a checkout until they are built. In the folder of the checkout:</p>
<code>${buildCommand}</code>
<p>Then start the server again. The <a href="/reference">API reference</a> needs no build.</p>
</html>
`;

/**
 * Serves the built dashboard from a folder, behind every route of the app; without a build, a page that says how to make one.
 */
export const serveDashboard = <E extends Env>(app: Hono<E>, assetsDir: string, log: Log): void => {
  if (!existsSync(join(assetsDir, "index.html"))) {
    log("dashboard.not_built", { build: buildCommand });
    app.get("*", (c) => c.html(notBuiltPage, 404));
    return;
  }
  app.use("*", async (c, next) => {
    await next();
    // A page that shows ours in a frame could borrow a click; Workers read the same from public/_headers.
    if (!c.req.path.startsWith("/api/") && !c.res.headers.has("content-security-policy"))
      c.header("content-security-policy", "frame-ancestors 'none'");
  });
  app.use("/assets/*", async (c, next) => {
    await next();
    if (c.res.ok) c.header("cache-control", "public, max-age=31536000, immutable");
  });
  app.get("*", serveStatic({ root: assetsDir }));
  app.get("*", async (c) => c.html(await readFile(join(assetsDir, "index.html"), "utf8")));
};
