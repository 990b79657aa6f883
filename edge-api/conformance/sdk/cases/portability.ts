import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { Miniflare } from "miniflare";
import { chromium } from "playwright-core";
import { expect, test } from "vitest";
import { findBinary } from "../../../../infra/src/services/find-binary.ts";
import { bundleProgram } from "../bundle-program.ts";
import type { Report } from "../portable-program.ts";
import type { Scene } from "../scene.ts";

const chromiumPath = process.env.CHROMIUM_PATH ?? "/usr/bin/chromium";
const run = promisify(execFile);

const onWorkerd = async (target: object): Promise<Report> => {
  const script = await bundleProgram(
    `export default { fetch: async (request, env) => Response.json(await runPortableProgram(env.target)) };`,
  );
  const worker = new Miniflare({
    modules: true,
    script,
    compatibilityDate: "2026-04-01",
    bindings: { target },
  });
  try {
    return (await (await worker.dispatchFetch("http://worker/")).json()) as Report;
  } finally {
    await worker.dispose();
  }
};

/** The page comes from an origin of its own, so that every call of it crosses origins. */
const servePage = async (script: string) => {
  const server = createServer((request, response) => {
    const isScript = request.url === "/program.js";
    response.writeHead(200, { "content-type": isScript ? "text/javascript" : "text/html" });
    response.end(isScript ? script : '<!doctype html><script type="module" src="/program.js"></script>');
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    close: () => new Promise<void>((resolve) => server.close(() => resolve())),
  };
};

const inChromium = async (target: object): Promise<Report> => {
  const page = await servePage(await bundleProgram("globalThis.program = runPortableProgram;"));
  const browser = await chromium.launch({ executablePath: chromiumPath, args: ["--no-sandbox"] });
  try {
    const tab = await browser.newPage();
    await tab.goto(page.url);
    await tab.waitForFunction("globalThis.program !== undefined");
    return await tab.evaluate(`globalThis.program(${JSON.stringify(target)})`);
  } finally {
    await browser.close();
    await page.close();
  }
};

const byCommand = async (command: string, args: string[], target: object): Promise<Report> => {
  const script = await bundleProgram(
    `console.log(JSON.stringify(await runPortableProgram(${JSON.stringify(target)})));`,
  );
  const folder = await mkdtemp(join(tmpdir(), "longshore-portable-"));
  try {
    const file = join(folder, "program.mjs");
    await writeFile(file, script);
    return JSON.parse((await run(command, [...args, file])).stdout) as Report;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
};

/** One bundle, without a module of Node's, in every runtime that is here. */
export const portabilityCases = (scene: Scene): void => {
  const target = () => ({ baseURL: scene.platform().url, accessToken: scene.platform().apiKey });
  const expectWhole = async (report: Report) => {
    expect(report).toMatchObject({ status: "DELAYED", batchRuns: 2, refusedWith: 404 });
    const run = await scene.client().runs.retrieve(report.runId);
    expect(run.payload).toEqual({ at: new Date(0), text: "ö".repeat(70_000) });
  };

  test("workerd, where there is no process, imports and triggers", async () => {
    const report = await onWorkerd(target());
    expect(report.hasProcess).toBe(false);
    await expectWhole(report);
  });

  test.skipIf(!existsSync(chromiumPath))("Chromium imports and triggers from another origin", async () => {
    const report = await inChromium(target());
    expect(report.hasProcess).toBe(false);
    await expectWhole(report);
  });

  test("Node runs the bundle that is made for browsers", async () => {
    await expectWhole(await byCommand(process.execPath, [], target()));
  });

  // Where they are: no test counts as skipped on a machine that has none of them.
  if (findBinary(["bun"]))
    test("Bun imports and triggers", async () => {
      await expectWhole(await byCommand("bun", ["run"], target()));
    });

  if (findBinary(["deno"]))
    test("Deno imports and triggers", async () => {
      await expectWhole(await byCommand("deno", ["run", "--allow-net", "--allow-env"], target()));
    });
};
