import { chmod, copyFile, cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join, relative, sep } from "node:path";
import { buildRunner, runnerFiles } from "@longshore/agent/build-runner";
import { build, type Metafile, type Plugin } from "esbuild";
import { withoutUnused } from "../images/without-unused.ts";
import { emitTypes } from "./emit-types.ts";
import { installedVersion } from "./installed-version.ts";
import { licencesOf } from "./third-party.ts";

/** Rooms whose code is in the package. */
const rooms = ["cli", "agent", "edge-api", "sdk", "shared"];
/** Built in, without the parts that the agent never uses: installed as it is, it would bring native code to compile. */
const builtIn = /^dockerode$/;
const entries = { main: "cli/src/main.ts", build: "cli/src/extensions/index.ts" };
/** Files that the code looks for beside itself. */
const besides = [
  "cli/src/bundle/index-child.mjs",
  "cli/src/dev/watchdog.mjs",
  "edge-api/migrations",
  "edge-api/dashboard/dist",
];

const start = `#!/usr/bin/env node
import module from "node:module";

// From Node 22 on, later starts find the code compiled.
module.enableCompileCache?.();
await import("../dist/main.js");
`;

/**
 * All code comes into one folder, yet modules look for files beside themselves: each keeps the address that it has in
 * the house, below the package instead of the house.
 */
const keepAddresses = (root: string): Plugin => ({
  name: "keep-addresses",
  setup({ onLoad }) {
    onLoad({ filter: /\/src\/.*\.ts$/ }, async ({ path: file }) => {
      if (file.includes("/node_modules/")) return undefined;
      const text = await readFile(file, "utf8");
      const place = JSON.stringify(`../${relative(root, file).split(sep).join("/")}`);
      const address = `new URL(${place}, import.meta.url).href`;
      return { contents: text.replaceAll(/\bimport\.meta\.url\b/g, address), loader: "ts" };
    });
  },
});

/** What is not ours is a dependency, and is noted with the room that imports it. */
const external = (root: string, found: Map<string, string>): Plugin => ({
  name: "external-packages",
  setup({ onResolve }) {
    onResolve({ filter: /^[^./]/ }, ({ path: name, kind, importer }) => {
      const room = relative(root, importer).split(sep)[0] ?? "";
      if (kind === "entry-point" || name.startsWith("@longshore/") || !rooms.includes(room)) return undefined;
      if (builtIn.test(name) || name.startsWith("node:")) return undefined;
      const parts = name.split("/");
      const pack = name.startsWith("@") ? parts.slice(0, 2).join("/") : (parts[0] ?? name);
      found.set(pack, join(root, room));
      return { path: name, external: true };
    });
  },
});

const bundle = async (root: string, folder: string) => {
  const found = new Map<string, string>();
  const { metafile } = await build({
    entryPoints: Object.entries(entries).map(([out, file]) => ({ in: join(root, file), out })),
    outdir: join(folder, "dist"),
    absWorkingDir: root,
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node20",
    metafile: true,
    minifySyntax: true,
    legalComments: "none",
    logLevel: "error",
    plugins: [external(root, found), withoutUnused, keepAddresses(root)],
    // CommonJS packages ask for Node's own modules with require.
    banner: {
      js: 'import { createRequire as makeRequire } from "node:module"; const require = makeRequire(import.meta.url);',
    },
  });
  return { metafile, found };
};

/** The runner, ready-made: the stamp of one without sources never asks for a new build. */
const layRunner = async (folder: string): Promise<void> => {
  const from = await buildRunner();
  const to = join(folder, "agent/dist");
  await mkdir(to, { recursive: true });
  for (const file of runnerFiles) await copyFile(join(from, file), join(to, file));
  await writeFile(join(to, "runner.stamp.json"), JSON.stringify({ inputs: {} }));
};

const layLicences = async (root: string, folder: string, metafile: Metafile): Promise<void> => {
  await copyFile(join(root, "LICENSE"), join(folder, "LICENSE"));
  const text = await licencesOf(root, Object.keys(metafile.inputs));
  await writeFile(join(folder, "THIRD-PARTY-LICENCES.txt"), text);
};

/**
 * Lays out `longshore` as it is published: the CLI with the API, its dashboard and the agent built in, so that `dev`,
 * `server` and `agent` need nothing else. The dashboard must have been built.
 *
 * Shape: `folder` gets `package.json`, `README.md`, `LICENSE`, `bin/`, `dist/`, and the rooms' files that are no code.
 */
export const layCliPackage = async (root: string, folder: string, workDir: string): Promise<void> => {
  const own = JSON.parse(await readFile(join(root, "cli/package.json"), "utf8"));
  const { metafile, found } = await bundle(root, folder);
  for (const path of besides) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await cp(join(root, path), join(folder, path), {
      recursive: true,
      // What drizzle-kit compares with; a start reads only the journal.
      filter: (file) => !file.endsWith("_snapshot.json"),
    });
  }
  await layRunner(folder);
  await layLicences(root, folder, metafile);
  await emitTypes(root, [entries.build], join(folder, "dist/types"), workDir);
  // For projects that map other names to it by path: a path knows nothing of `exports`.
  await writeFile(join(folder, "dist/build.d.ts"), `export * from "./types/cli/src/extensions/index.js";\n`);
  await mkdir(join(folder, "bin"));
  await writeFile(join(folder, "bin/longshore.js"), start);
  await chmod(join(folder, "bin/longshore.js"), 0o755);
  await copyFile(join(root, "cli/README.md"), join(folder, "README.md"));
  const versions = [...found].sort().map(async ([name, room]) => [name, await installedVersion(room, name)]);
  const { name, version, license, type, engines } = own;
  const manifest = {
    name,
    version,
    description:
      "Develop, deploy and run Longshore tasks; the API, its dashboard and the agent are built in.",
    keywords: ["background-jobs", "tasks", "queue", "workflows", "cli"],
    license,
    type,
    engines,
    bin: { longshore: "./bin/longshore.js" },
    exports: {
      "./build": { types: "./dist/build.d.ts", default: "./dist/build.js" },
      "./package.json": "./package.json",
    },
    dependencies: { "@longshore/sdk": version, ...Object.fromEntries(await Promise.all(versions)) },
  };
  await writeFile(join(folder, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`);
};
