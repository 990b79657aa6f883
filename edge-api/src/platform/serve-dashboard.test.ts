import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Hono } from "hono";
import { afterEach, beforeEach, expect, test } from "vitest";
import { serveDashboard } from "./serve-dashboard.ts";

let assetsDir: string;
let logged: string[];
beforeEach(async () => {
  assetsDir = await mkdtemp(join(tmpdir(), "longshore-assets-"));
  logged = [];
});
afterEach(() => rm(assetsDir, { recursive: true, force: true }));

const serve = () => {
  const app = new Hono();
  app.get("/api/v1/there", (c) => c.json({ ok: true }));
  app.all("/api/*", (c) => c.json({ error: "There is no such route." }, 404));
  serveDashboard(app, assetsDir, (event) => logged.push(event));
  return app;
};

test("without a build every page says how to make one, and the API answers as ever", async () => {
  const app = serve();
  for (const path of ["/", "/env/env_x/runs"]) {
    const page = await app.request(path);
    expect(page.status).toBe(404);
    expect(page.headers.get("content-type")).toContain("text/html");
    expect(await page.text()).toContain("npx pnpm --filter @longshore/dashboard build");
  }
  expect(await (await app.request("/api/v1/there")).json()).toEqual({ ok: true });
  expect(await (await app.request("/api/v1/none")).json()).toEqual({ error: "There is no such route." });
  expect(logged).toEqual(["dashboard.not_built"]);
});

test("a build is served, pages of it by its index, and never in a frame", async () => {
  await mkdir(join(assetsDir, "assets"));
  await writeFile(join(assetsDir, "index.html"), "<p>dashboard</p>");
  await writeFile(join(assetsDir, "assets/a.js"), "1;");
  const app = serve();
  const page = await app.request("/env/env_x/runs");
  expect(page.status).toBe(200);
  expect(await page.text()).toBe("<p>dashboard</p>");
  expect(page.headers.get("content-security-policy")).toBe("frame-ancestors 'none'");
  expect((await app.request("/assets/a.js")).headers.get("cache-control")).toContain("immutable");
  expect(logged).toEqual([]);
});
