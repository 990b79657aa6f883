import { readFileSync, realpathSync } from "node:fs";
import { mkdir, readFile, rm, symlink } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, expect, test } from "vitest";
import { type BuildOptions, buildProject } from "../bundle/build-project.ts";
import { createProjects } from "../testing/project.fixture.ts";
import { unpackArchives } from "../testing/unpack.fixture.ts";

const projects = createProjects();
afterEach(projects.removeAll);

const task = 'import { task } from "@longshore/sdk";\nexport const a = task({ id: "a", run: () => 1 });\n';

/** A project whose configuration lists these extensions, and perhaps more files. */
const project = async (extensions: string, files: Record<string, string> = {}, from = "longshore/build") => {
  const imports = [...new Set([...extensions.matchAll(/\b([a-zA-Z]+)\(/g)].map(([, name]) => name))].join(
    ", ",
  );
  return projects.make({
    "longshore.config.ts": `import { ${imports} } from "${from}";\nexport default { project: "p", build: { extensions: [${extensions}] } };\n`,
    "src/trigger/a.ts": task,
    ...files,
  });
};

const build = async (
  extensions: string,
  files?: Record<string, string>,
  options?: BuildOptions,
  from?: string,
) => buildProject(await project(extensions, files, from), options);

const unpacked = async (built: Awaited<ReturnType<typeof buildProject>>): Promise<string> => {
  const dir = await unpackArchives([built.archive]);
  projects.onRemove(() => rm(dir, { recursive: true, force: true }));
  return dir;
};

test("additionalFiles: what matches lies beside the code; nothing that matches is an error", async () => {
  const files = { "assets/de/a.txt": "A", "assets/b.txt": "B", "other.txt": "no" };
  const dir = await unpacked(await build('additionalFiles({ files: ["./assets/**"] })', files));
  expect(await readFile(path.join(dir, "assets/de/a.txt"), "utf8")).toBe("A");
  expect(await readFile(path.join(dir, "assets/b.txt"), "utf8")).toBe("B");
  expect(() => readFileSync(path.join(dir, "other.txt"))).toThrow();
  for (const [pattern, message] of [
    ["none/*", 'the build extension "additionalFiles" failed: no file matches "none/*"'],
    ["../*", '"../*" is outside the project'],
  ] as const) {
    await expect(build(`additionalFiles({ files: ["${pattern}"] })`, files)).rejects.toThrow(message);
  }
});

test("the names of the reference system's extensions are ours", async () => {
  const { system } = await build(
    'aptGet({ packages: ["ghostscript"] }), ffmpeg()',
    {},
    {},
    "@trigger.dev/build/extensions/core",
  );
  expect(system.flatMap(({ image }) => image?.pkgs)).toEqual(["ghostscript", "ffmpeg"]);
  await expect(build("neverHeardOf()", {}, {}, "@trigger.dev/build/extensions/core")).rejects.toThrow(
    /There is no build extension "neverHeardOf"/,
  );
});

test("what needs a system asks for it only when deploying", async () => {
  const extensions = "ffmpeg(), puppeteer(), pythonExtension({ requirements: ['six'] })";
  const deployed = await build(extensions);
  expect(deployed.system.map(({ id }) => id)).toEqual(["ffmpeg", "puppeteer", "python"]);
  expect(Object.assign({}, ...deployed.variables.map(({ variables }) => variables))).toMatchObject({
    FFMPEG_PATH: "/usr/bin/ffmpeg",
    PUPPETEER_EXECUTABLE_PATH: "/usr/bin/chromium",
    PYTHON_BIN_PATH: "/opt/venv/bin/python",
  });
  expect(await build(extensions, {}, { target: "dev" })).toMatchObject({ system: [], variables: [] });
});

test("playwright: the browsers of the project's own version", async () => {
  const files = { "node_modules/playwright/package.json": '{ "name": "playwright", "version": "1.2.3" }' };
  const { system } = await build('playwright({ browsers: ["firefox"] })', files);
  expect(system[0]?.image?.instructions?.[1]).toBe("RUN npx -y playwright@1.2.3 install --with-deps firefox");
  await expect(build("playwright()")).rejects.toThrow("playwright is not installed in the project");
});

test("syncEnvVars: what the source answers, by kind; it learns where it deploys to", async () => {
  const source = `syncEnvVars(async ({ projectRef, environment, branch }) => [
    { name: "PLACE", value: [projectRef, environment, branch].join("/") },
    { name: "KEY", value: "k", isSecret: true }, { name: "OF_PARENT", value: "p", isParentEnv: true } ])`;
  const { variables } = await build(source, {}, { environment: "preview", branch: "fix" });
  expect(variables).toEqual([
    {
      variables: { PLACE: "p/preview/fix" },
      parentVariables: { OF_PARENT: "p" },
      isSecret: false,
      override: true,
    },
    { variables: { KEY: "k" }, parentVariables: {}, isSecret: true, override: true },
  ]);
  expect((await build(source, {}, { target: "dev" })).variables).toEqual([]);
  await expect(build('syncEnvVars(() => { throw "vault is sealed"; })')).rejects.toThrow(
    'the build extension "syncEnvVars" failed: vault is sealed',
  );
});

test("esbuildPlugin takes part in the bundle", async () => {
  const plugin = `esbuildPlugin({ name: "shout", setup(build) {
    build.onLoad({ filter: /word\\.ts$/ }, () => ({ contents: 'export const word = "LOUD";' })); } })`;
  const built = await build(plugin, {
    "src/trigger/a.ts": `import { word } from "../word.ts";\n${task}export { word };\n`,
    "src/word.ts": 'export const word = "quiet";',
  });
  expect(await readFile(path.join(await unpacked(built), "index.mjs"), "utf8")).toContain('"LOUD"');
});

test("an extension of the project's own: layers, files it writes, and what it may not do", async () => {
  const own = (body: string) => ({
    "longshore.config.ts": `import { writeFile } from "node:fs/promises";
const own = { name: "own", ${body} };
export default { project: "p", build: { extensions: [own] } };`,
  });
  const dir = await unpacked(
    await build(
      "",
      own(`onBuildStart(ctx) { ctx.addLayer({ id: "one", files: { "data/x.json": "{}" } }); },
      async onBuildComplete(ctx, manifest) { await writeFile(manifest.outputPath + "/made.txt", ctx.target + manifest.files.length); }`),
    ),
  );
  expect(await readFile(path.join(dir, "data/x.json"), "utf8")).toBe("{}");
  expect(await readFile(path.join(dir, "made.txt"), "utf8")).toBe("deploy1");
  await expect(
    build("", own('onBuildStart(ctx) { ctx.addLayer({ id: "x", files: { "../../etc/x": "" } }); }')),
  ).rejects.toThrow("outside the deployment");
  await expect(
    build("", own('onBuildStart(ctx) { ctx.addLayer({ id: "x", files: { "index.mjs": "" } }); }')),
  ).rejects.toThrow('"index.mjs" is the name of a file of ours');
  await expect(
    build("", { "longshore.config.ts": 'export default { project: "p", build: { extensions: [{}] } };' }),
  ).rejects.toThrow("build.extensions[0] is no extension");
});

test("emitDecoratorMetadata keeps the types of what is decorated", async () => {
  const dir = await project("emitDecoratorMetadata()", {
    "src/trigger/a.ts": `${task}
const types: string[] = [];
Reflect.metadata = (key: string, value: { name: string }) => () => { if (key === "design:type") types.push(value.name); };
const mark = (): PropertyDecorator => () => {};
class Row { @mark() name: string = ""; @mark() at: Date = new Date(0); }
export { types, Row };`,
  });
  await expect(buildProject(dir)).rejects.toThrow('needs the "typescript" package in the project');
  // The workspace's own linter of imports brings a TypeScript whose compiler can be called.
  const cruiser = realpathSync(path.resolve(import.meta.dirname, "../../../node_modules/dependency-cruiser"));
  const compiler = createRequire(path.join(cruiser, "package.json")).resolve("typescript");
  await mkdir(path.join(dir, "node_modules"), { recursive: true });
  await symlink(path.dirname(path.dirname(compiler)), path.join(dir, "node_modules/typescript"));
  const where = await unpacked(await buildProject(dir));
  const { files } = await import(pathToFileURL(path.join(where, "index.mjs")).href);
  expect(files[0][1].types).toEqual(["String", "Date"]);
});

test("prisma: a missing schema or package is one clear line", async () => {
  const legacy = 'prismaExtension({ mode: "legacy", schema: "prisma/schema.prisma" })';
  await expect(build(legacy)).rejects.toThrow("prismaExtension: there is no prisma/schema.prisma");
  await expect(build(legacy, { "prisma/schema.prisma": "" })).rejects.toThrow('needs the "prisma" package');
  await expect(build('prismaExtension({ mode: "legacy" })')).rejects.toThrow("give `schema` or `configFile`");
});
