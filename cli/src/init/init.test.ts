import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { buildProject } from "../bundle/build-project.ts";
import { runCli } from "../testing/run-cli.fixture.ts";
import { detectProject } from "./detect-project.ts";

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), "longshore-init-"));
  // No lockfile of a folder above counts.
  await writeFile(path.join(dir, ".git"), "");
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const write = (file: string, text: string) => writeFile(path.join(dir, file), text);
const read = (file: string) => readFile(path.join(dir, file), "utf8");

test.each([
  ["pnpm-lock.yaml", { next: "1" }, { packageManager: "pnpm", framework: "next" }],
  ["yarn.lock", { "@remix-run/node": "1" }, { packageManager: "yarn", framework: "remix" }],
  ["bun.lock", { hono: "1" }, { packageManager: "bun", framework: "hono" }],
  ["package-lock.json", { nuxt: "1" }, { packageManager: "npm", framework: "nuxt" }],
  ["package-lock.json", { express: "1" }, { packageManager: "npm", framework: "express" }],
  ["package-lock.json", {}, { packageManager: "npm", framework: "plain" }],
])("%s and %j are told apart", async (lockfile, dependencies, found) => {
  await write(lockfile, "");
  await write("package.json", JSON.stringify({ dependencies, devDependencies: { typescript: "5" } }));
  expect(await detectProject(dir)).toMatchObject({ ...found, isTypeScript: true });
});

test("what init writes builds, and a second init changes nothing", async () => {
  await write("package.json", '{\n    "name": "@acme/shop",\n    "type": "module"\n}\n');
  await write("pnpm-lock.yaml", "");
  expect(await detectProject(dir)).toMatchObject({ isTypeScript: true });
  await write("server.js", "");
  await write(".gitignore", "node_modules");
  const init = (...more: string[]) => runCli(["init", "--json", ...more], { cwd: dir });
  const first = JSON.parse((await init("--scripts")).stdout);
  expect(first).toMatchObject({ packageManager: "pnpm", isTypeScript: false });
  expect(first.files).toEqual([
    { file: "longshore.config.mjs", did: "written" },
    { file: "trigger/example.js", did: "written" },
    { file: ".gitignore", did: "changed" },
    { file: "package.json", did: "changed" },
  ]);
  expect(await read(".gitignore")).toBe("node_modules\n.longshore/\n");
  expect(await read("package.json")).toContain('    "scripts": {\n        "tasks:dev": "longshore dev"');
  const { manifest, config } = await buildProject(dir);
  expect(config.project).toBe("shop");
  expect(manifest.tasks).toMatchObject([{ id: "hello-world", filePath: "trigger/example.js" }]);

  await write("trigger/example.js", "// mine\n");
  const before = await Promise.all(
    ["longshore.config.mjs", "trigger/example.js", ".gitignore", "package.json"].map(read),
  );
  const second = JSON.parse((await init("--yes")).stdout);
  expect(second.files.map(({ did }: { did: string }) => did)).toEqual(["kept", "kept"]);
  const after = await Promise.all(
    ["longshore.config.mjs", "trigger/example.js", ".gitignore", "package.json"].map(read),
  );
  expect(after).toEqual(before);
}, 60_000);

test("analyze says what is in the bundle and how long each file takes to import", async () => {
  await runCli(["init", "--yes"], { cwd: dir });
  await write(
    "src/trigger/slow.ts",
    "const end = Date.now() + 200;\nwhile (Date.now() < end);\nexport const x = 1;\n",
  );
  const { code, stdout } = await runCli(["analyze", "--json"], { cwd: dir });
  expect(code).toBe(0);
  const { packages, imports, sizeBytes } = JSON.parse(stdout);
  expect(packages.map(({ name }: { name: string }) => name)).toContain("(your code)");
  expect(sizeBytes).toBeGreaterThan(10_000);
  expect(imports[0]).toMatchObject({ file: "src/trigger/slow.ts", ms: expect.any(Number) });
  expect(imports[0].ms).toBeGreaterThanOrEqual(200);
}, 60_000);
