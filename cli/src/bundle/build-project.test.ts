import { writeFile } from "node:fs/promises";
import { afterEach, expect, test, vi } from "vitest";
import { createProjects, expectBundleError } from "../testing/project.fixture.ts";
import { buildProject } from "./build-project.ts";
import { bundleProject } from "./bundle-project.ts";
import { indexBundle } from "./index-bundle.ts";

const projects = createProjects();
afterEach(projects.removeAll);
const project = projects.make;

const taskFile = (id: string, from = "@longshore/sdk") =>
  `import { task } from "${from}";\nexport const ${id} = task({ id: "${id}", run: async () => "${id}" });\n`;

const failure = async (files: Record<string, string>) =>
  expectBundleError(buildProject(await project(files)));

test("every name of the SDK is ours, in a project that has none installed", async () => {
  const { manifest } = await buildProject(
    await project({
      "src/trigger/a.ts": taskFile("a", "@longshore/sdk"),
      "src/trigger/b.ts": taskFile("b", "@trigger.dev/sdk"),
      "src/tasks/c.js": taskFile("c", "@trigger.dev/sdk/v3"),
      "src/trigger/a.test.ts": "throw new Error('tests are no task files');",
      "src/trigger/node_modules/x/trigger/d.ts": "throw new Error('packages are no task files');",
    }),
  );
  expect(manifest.tasks.map((task) => [task.id, task.filePath, task.exportName]).sort()).toEqual([
    ["a", "src/trigger/a.ts", "a"],
    ["b", "src/trigger/b.ts", "b"],
    ["c", "src/tasks/c.js", "c"],
  ]);
});

test("a task that is not exported is found with its file", async () => {
  const { manifest } = await buildProject(
    await project({
      "src/trigger/a.ts": 'import { task } from "@longshore/sdk";\ntask({ id: "hidden", run: () => 1 });\n',
    }),
  );
  expect(manifest.tasks).toEqual([{ id: "hidden", filePath: "src/trigger/a.ts" }]);
});

test("the configuration's defaults apply where a task says nothing", async () => {
  const dir = await project({
    "longshore.config.ts":
      'import { defineConfig } from "@longshore/sdk";\nexport default defineConfig({ project: "p", dirs: ["jobs"], machine: "micro", maxDuration: 60, retries: { default: { maxAttempts: 7 } } });',
    "jobs/a.ts":
      'import { task } from "@longshore/sdk";\nexport const a = task({ id: "a", maxDuration: 30, run: () => 1 });',
  });
  expect((await buildProject(dir)).manifest.tasks[0]).toMatchObject({
    machine: "micro",
    maxDuration: 30,
    retry: { maxAttempts: 7 },
  });
});

test("retries can be left out in dev, and only there", async () => {
  const dir = await project({
    "longshore.config.ts":
      'export default { project: "p", retries: { enabledInDev: false, default: { maxAttempts: 7, factor: 3 } } };',
    "src/trigger/a.ts": taskFile("a"),
  });
  const retryFor = async (target: "dev" | "deploy") =>
    (await buildProject(dir, { target })).manifest.tasks[0]?.retry;
  expect(await retryFor("dev")).toEqual({ maxAttempts: 1, factor: 3 });
  expect(await retryFor("deploy")).toEqual({ maxAttempts: 7, factor: 3 });
});

test("CommonJS dependencies and a require of the user's own work", async () => {
  const dir = await project({
    "node_modules/old/index.js": "module.exports = { sep: require('path').sep };",
    "node_modules/old/package.json": '{ "name": "old", "main": "index.js" }',
    "src/trigger/a.ts": `import { createRequire } from "node:module";\nimport old from "old";\nconst require = createRequire(import.meta.url);\nrequire("node:fs");\nif (old.sep !== "/") throw new Error("no");\n${taskFile("a")}`,
  });
  expect((await buildProject(dir)).manifest.tasks).toHaveLength(1);
});

test("a missing export is a build error that names it", async () => {
  const { problems } = await failure({
    "src/lib.ts": "export const there = 1;\n",
    "src/trigger/a.ts": `import { missing } from "../lib.ts";\n${taskFile("a")}console.log(missing);\n`,
  });
  expect(problems[0]).toMatchObject({ file: "src/trigger/a.ts", line: 1 });
  expect(problems[0]?.text).toMatch(/No matching export in "src\/lib.ts" for import "missing"/);
});

test("packages that are not there come with the command that installs them", async () => {
  const { problems, next } = await failure({
    "pnpm-lock.yaml": "",
    "node_modules/there/package.json": '{ "name": "there", "exports": { ".": "./index.js" } }',
    "node_modules/there/index.js": "export const there = 1;\n",
    "src/trigger/a.ts": `import "@acme/mail/send";\nimport "left";\nimport "@/lib";\nimport "there/none";\n${taskFile("a")}`,
  });
  expect(problems).toHaveLength(4);
  expect(next).toBe("pnpm add @acme/mail left");
});

test("an import of the configuration that is not there is told with the command, too", async () => {
  const { next } = await failure({
    "yarn.lock": "",
    "longshore.config.ts": 'import "@acme/extension";\nexport default { project: "p" };\n',
    "src/trigger/a.ts": taskFile("a"),
  });
  expect(next).toBe("yarn add @acme/extension");
});

test("logLevel decides what the logger of a bundle writes", async () => {
  const file = `import { logger } from "@longshore/sdk";\n${taskFile("a")}export const speak = () => {\n  for (const level of ["debug", "info", "log", "warn", "error"]) logger[level](level);\n};\n`;
  const written = async (config: Parameters<typeof bundleProject>[0]["config"]) => {
    const dir = await project({ "src/trigger/a.ts": file });
    const { code, sourcemap } = await bundleProject({ dir, config });
    await writeFile(`${dir}/index.mjs`, code);
    await writeFile(`${dir}/index.mjs.map`, sourcemap);
    const spies = (["debug", "info", "log", "warn", "error"] as const).map((level) =>
      vi.spyOn(console, level).mockImplementation(() => undefined),
    );
    try {
      const { files } = await import(`${dir}/index.mjs`);
      files[0][1].speak();
      return spies.flatMap(({ mock }) => mock.calls.map(([text]) => text));
    } finally {
      vi.restoreAllMocks();
      Reflect.deleteProperty(globalThis, Symbol.for("longshore.log-levels"));
    }
  };
  expect(await written({})).toEqual(["debug", "info", "log", "warn", "error"]);
  expect(await written({ logLevel: "log" })).toEqual(["log", "warn", "error"]);
  expect(await written({ logLevel: "none" })).toEqual([]);
});

test("settings that change nothing here are told", async () => {
  const { manifest, warnings } = await buildProject(
    await project({
      "longshore.config.ts":
        'export default { project: "p", machine: { preset: "micro" }, runtime: "bun", handleError: () => {}, telemetry: { exporters: [] } };',
      "src/trigger/a.ts": taskFile("a"),
    }),
  );
  expect(manifest.tasks[0]?.machine).toBe("micro");
  expect(warnings).toEqual([
    "handleError of the configuration is not called: set it with tasks.catchError(…) in an init.ts beside the tasks",
    `runtime "bun": Bun is not there; runs get the agent's Node`,
    "telemetry is ignored: no exporter or instrumentation of it runs",
  ]);
});

test("a build extension that is not there is named", async () => {
  const { problems } = await failure({
    "longshore.config.ts":
      'import { lightpanda } from "@trigger.dev/build/extensions/lightpanda";\nexport default { project: "p", build: { extensions: [lightpanda()] } };',
    "src/trigger/a.ts": taskFile("a"),
  });
  expect(problems[0]).toMatchObject({ file: "longshore.config.ts", line: 1 });
  expect(problems[0]?.text).toContain('There is no build extension "lightpanda"');
});

test("a missing name of a namespace import is a build error too", async () => {
  const { problems } = await failure({
    "src/lib.ts": "export const there = 1;\n",
    "src/trigger/a.ts": `import * as lib from "../lib.ts";\n${taskFile("a")}console.log(lib.missing);\n`,
  });
  expect(problems[0]?.text).toContain("missing");
});

test("a syntax error comes with file, line and frame", async () => {
  const error = await failure({ "src/trigger/a.ts": `${taskFile("a")}const x = ;\n` });
  expect(error.problems[0]).toMatchObject({ file: "src/trigger/a.ts", line: 3, column: 10 });
  expect(error.message).toContain("src/trigger/a.ts:3:11");
  expect(error.message).toContain("  3 | const x = ;\n                ^");
});

test("an error thrown while importing names the user's file and line", async () => {
  const { problems } = await failure({
    "src/trigger/a.ts": taskFile("a"),
    "src/trigger/b.ts": `type Padding = {\n  one: string;\n};\nconst read = (): Padding => {\n  throw new TypeError("no KEY is set");\n};\nread();\n`,
  });
  expect(problems).toEqual([
    { text: "TypeError: no KEY is set", file: "src/trigger/b.ts", line: 5, column: 8 },
  ]);
});

test("two tasks of one id are named with both files", async () => {
  const same =
    'import { task } from "@longshore/sdk";\n\nexport const t = task({ id: "same", run: () => 1 });\n';
  const { problems } = await failure({ "src/trigger/a.ts": same, "src/trigger/b.ts": same });
  expect(problems[0]?.text).toBe(
    'the task id "same" is defined 2 times: src/trigger/a.ts:3 and src/trigger/b.ts:3',
  );
});

test.each([
  ["retry: { maxAttempts: () => 3 }", 'TypeError: task "a": retry.maxAttempts is a function'],
  ["retry: { maxAttempts: Number.POSITIVE_INFINITY }", 'TypeError: task "a": retry.maxAttempts is Infinity'],
  ["retry: { maxAttempts: 0 }", 'task "a": retry.maxAttempts: '],
  ['machine: "huge"', 'task "a": machine: '],
  ['labels: { gpu: "a,b" }', 'task "a": labels.gpu: is a value'],
])("settings that cannot be deployed are named: %s", async (setting, text) => {
  const { problems } = await failure({
    "src/trigger/a.ts": `import { task } from "@longshore/sdk";\nexport const a = task({ id: "a", ${setting}, run: () => 1 });\n`,
  });
  expect(problems[0]?.text).toContain(text);
  expect(problems[0]).toMatchObject({ file: "src/trigger/a.ts", line: 2 });
});

test("code that ends the process or never finishes is stopped and explained", async () => {
  const ends = await failure({ "src/trigger/a.ts": `${taskFile("a")}process.exit(3);\n` });
  expect(ends.message).toContain("exit code 3");
  const dir = await project({ "src/trigger/a.ts": `${taskFile("a")}while (true) {}\n` });
  const bundle = await bundleProject({ dir, config: {} });
  await expect(indexBundle(bundle, {}, { timeoutMs: 1_500 })).rejects.toThrow("took longer than 1.5 s");
});

test("what the user's code prints is passed on, and no tasks at all is an error", async () => {
  const { warnings } = await buildProject(
    await project({ "src/trigger/a.ts": `${taskFile("a")}console.log("hello from import");\n` }),
  );
  expect(warnings).toContain("hello from import");
  const { message } = await failure({ "src/trigger/a.ts": "export const nothing = 1;\n" });
  expect(message).toContain("no task({ id, run }) in src/trigger/a.ts");
});

test("the archive of the same code has the same hash, wherever it lies", async () => {
  const files = { "src/trigger/a.ts": taskFile("a") };
  const [one, two] = [await buildProject(await project(files)), await buildProject(await project(files))];
  expect(one.archive.hash).toMatch(/^[0-9a-f]{64}$/);
  expect(two.archive.hash).toBe(one.archive.hash);
});

test("the archive does not depend on when it is made", async () => {
  const dir = await project({ "src/trigger/a.ts": taskFile("a") });
  const [one, two] = [await buildProject(dir), await buildProject(dir)];
  expect(Buffer.compare(one.archive.bytes, two.archive.bytes)).toBe(0);
  expect([...one.archive.bytes.slice(4, 8), one.archive.bytes[9]]).toEqual([0, 0, 0, 0, 255]);
});

test.each([
  [undefined, undefined],
  [true, { maxExecutions: 50 }],
  [{ enabled: true, maxExecutionsPerProcess: 3 }, { maxExecutions: 3 }],
  [{ enabled: false, maxExecutionsPerProcess: 3 }, undefined],
])("processKeepAlive: %j stands in the manifest as %j", async (processKeepAlive, expected) => {
  const bundle = await bundleProject({
    dir: await project({ "src/trigger/a.ts": taskFile("a") }),
    config: {},
  });
  const { manifest } = await indexBundle(bundle, { processKeepAlive });
  expect(manifest.processKeepAlive).toEqual(expected);
});
