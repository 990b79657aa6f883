import { execFile } from "node:child_process";
import { realpathSync } from "node:fs";
import { mkdir, readdir, rm, symlink } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";
import { promisify } from "node:util";
import { afterEach, expect, test } from "vitest";
import { createProjects } from "../testing/project.fixture.ts";
import { startRegistry } from "../testing/registry.fixture.ts";
import { unpackArchives } from "../testing/unpack.fixture.ts";
import { buildProject } from "./build-project.ts";

const run = promisify(execFile);
const projects = createProjects();
afterEach(projects.removeAll);
const project = projects.make;

const unpack = async (built: Awaited<ReturnType<typeof buildProject>>): Promise<string> => {
  const dir = await unpackArchives([built.archive, ...built.layers]);
  projects.onRemove(() => rm(dir, { recursive: true, force: true }));
  return dir;
};

const json = (value: object): string => JSON.stringify(value);
const taskFile = (imports: string, body: string): string =>
  `import { task } from "@longshore/sdk";\n${imports}\nexport const a = task({ id: "a", run: async () => { ${body} } });\n`;

/** Where this workspace has sharp: a package with a native module and one more package for each platform. */
const sharpDir = (): string => {
  const own = createRequire(import.meta.url);
  const miniflare = createRequire(realpathSync(own.resolve("miniflare")));
  return path.dirname(path.dirname(realpathSync(miniflare.resolve("sharp"))));
};

test("a native package is left out of the bundle, packed with what it needs, and works where both are unpacked", async () => {
  const dir = await project({
    "src/trigger/a.ts": taskFile(
      'import sharp from "sharp";\nexport const size = async () => (await sharp({ create: { width: 8, height: 4, channels: 3, background: "red" } }).png().toBuffer({ resolveWithObject: true })).info.width;',
      "return size();",
    ),
  });
  await mkdir(path.join(dir, "node_modules"));
  await symlink(sharpDir(), path.join(dir, "node_modules/sharp"));
  const built = await buildProject(dir);
  expect(built.warnings).toEqual([]);
  expect(built.manifest.layers).toEqual([
    { hash: built.layers[0]?.hash, sizeBytes: built.layers[0]?.bytes.length },
  ]);
  expect(built.archive.bytes.length).toBeLessThan(200_000);

  const unpacked = await unpack(built);
  const code = 'const { files } = await import("./index.mjs"); console.log(await files[0][1].size());';
  const { stdout } = await run(process.execPath, ["--input-type=module", "-e", code], { cwd: unpacked });
  expect(stdout.trim()).toBe("8");

  const again = await buildProject(dir);
  expect(again.layers[0]?.hash).toBe(built.layers[0]?.hash);
});

/** Two versions of one package, an optional one for another platform, and optional peers. */
const tree = {
  "package.json": json({ dependencies: { top: "1", driver: "1" }, devDependencies: { tool: "1" } }),
  "node_modules/top/package.json": json({
    name: "top",
    version: "1.0.0",
    main: "i.js",
    gypfile: true,
    dependencies: { shared: "1", middle: "1" },
    optionalDependencies: { "top-win32-x64": "1", "top-here": "1" },
    peerDependencies: { driver: "1", tool: "1", unchosen: "1", needed: "1" },
    peerDependenciesMeta: {
      driver: { optional: true },
      tool: { optional: true },
      unchosen: { optional: true },
    },
  }),
  "node_modules/top/i.js": 'module.exports = [require("shared"), require("middle"), require("top-here")];',
  "node_modules/shared/package.json": json({ name: "shared", version: "1.0.0" }),
  "node_modules/shared/index.js": 'module.exports = "shared 1";',
  "node_modules/middle/package.json": json({
    name: "middle",
    version: "1.0.0",
    dependencies: { shared: "2" },
  }),
  "node_modules/middle/index.js": 'module.exports = "middle with " + require("shared");',
  "node_modules/middle/node_modules/shared/package.json": json({ name: "shared", version: "2.0.0" }),
  "node_modules/middle/node_modules/shared/index.js": 'module.exports = "shared 2";',
  "node_modules/top-win32-x64/package.json": json({ name: "top-win32-x64", os: ["win32"] }),
  "node_modules/top-here/package.json": json({ name: "top-here", os: ["!win32"] }),
  "node_modules/top-here/index.js": 'module.exports = "here";',
  ...Object.fromEntries(
    ["driver", "tool", "unchosen", "needed"].map((name) => [
      `node_modules/${name}/package.json`,
      json({ name }),
    ]),
  ),
  "src/trigger/a.ts": taskFile('import top from "top";\nexport { top };', "return top;"),
};

test("two versions of a package stay apart, and what is for other platforms or for development stays behind", async () => {
  const unpacked = await unpack(await buildProject(await project(tree)));
  expect((await readdir(path.join(unpacked, "node_modules"))).sort()).toEqual([
    "driver",
    "middle",
    "needed",
    "shared",
    "top",
    "top-here",
  ]);
  const code = 'console.log(JSON.stringify((await import("./index.mjs")).files[0][1].top));';
  const { stdout } = await run(process.execPath, ["--input-type=module", "-e", code], { cwd: unpacked });
  expect(JSON.parse(stdout)).toEqual(["shared 1", "middle with shared 2", "here"]);
});

test("an optional peer that a package of the workspace has chosen is packed", async () => {
  const dir = await project({
    "package.json": json({ name: "root", workspaces: ["*"] }),
    "tasks/package.json": json({ name: "tasks" }),
    "tasks/longshore.config.ts": 'export default { project: "p", build: { external: ["orm"] } };',
    "tasks/src/trigger/a.ts": taskFile('import { orm } from "../../../db";', "return orm;"),
    "db/package.json": json({ name: "db", dependencies: { orm: "1", driver: "1" } }),
    "db/index.ts": 'export { default as orm } from "orm";',
    "node_modules/orm/package.json": json({
      ...{ name: "orm", peerDependencies: { driver: "1", other: "1" } },
      peerDependenciesMeta: { driver: { optional: true }, other: { optional: true } },
    }),
    "node_modules/orm/index.js": "module.exports = 1;",
    "node_modules/driver/package.json": json({ name: "driver" }),
    "node_modules/other/package.json": json({ name: "other" }),
  });
  const unpacked = await unpack(await buildProject(path.join(dir, "tasks")));
  expect((await readdir(path.join(unpacked, "node_modules"))).sort()).toEqual(["driver", "orm"]);
});

test("for another platform the packages are installed anew by the project's lockfile; more by the version an extension names", async () => {
  const version = "1.0.0";
  const registry = await startRegistry([
    { name: "native", version, optionalDependencies: { "native-linux-x64": "1", "native-linux-arm64": "1" } },
    { name: "native-linux-x64", version, os: ["linux"], cpu: ["x64"] },
    { name: "native-linux-arm64", version, os: ["linux"], cpu: ["arm64"] },
    { name: "more", version },
  ]);
  projects.onRemove(registry.close);
  const dir = await project({
    "longshore.config.ts": `import { additionalPackages } from "longshore/build";
export default { project: "p", build: { extensions: [additionalPackages({ packages: ["more@1"] })] } };`,
    "package.json": json({ name: "p", dependencies: { native: "1" } }),
    ".npmrc": `registry=${registry.url}\n`,
    "src/trigger/a.ts": taskFile('import native from "native";', "return native;"),
  });
  await run("npm", ["install", "--no-audit", "--no-fund"], { cwd: dir });
  const other = process.arch === "arm64" ? "x64" : "arm64";
  const packagesFor = async (platform?: string) =>
    (await readdir(path.join(await unpack(await buildProject(dir, { platform })), "node_modules"))).sort();
  expect(await packagesFor()).toEqual(["more", "native", `native-linux-${process.arch}`]);
  expect(await packagesFor(`linux/${other}`)).toEqual(["more", "native", `native-linux-${other}`]);
}, 60_000);

test("what is external and nowhere is said, and an unknown platform is refused", async () => {
  const files = {
    "longshore.config.ts":
      'export default { project: "p", build: { external: ["of-the-image", "ghost*"] } };',
    // As ws asks for what makes it faster.
    "node_modules/careful/index.js": 'try { require("faster"); } catch {} module.exports = 1;',
    "src/trigger/a.ts": taskFile(
      'import careful from "careful";',
      'await import("of-the-image"); await import("ghost/one"); return careful;',
    ),
  };
  const dir = await project(files);
  const { warnings, layers } = await buildProject(dir);
  expect(warnings).toEqual([
    '"of-the-image" is external and not installed here: the agents\' image must have it',
    '"ghost" is external and not installed here: the agents\' image must have it',
  ]);
  expect(layers).toEqual([]);
  await expect(buildProject(dir, { platform: "plan9/mips" })).rejects.toThrow(
    'unknown platform "plan9/mips"',
  );
});
