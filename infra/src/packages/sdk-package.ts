import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { build } from "esbuild";
import { emitTypes } from "./emit-types.ts";
import { installedVersion } from "./installed-version.ts";

const entries = { index: "sdk/src/index.ts", python: "sdk/src/python.ts" };
const typesOf = (entry: string): string => `./dist/types/${entry.replace(/\.ts$/, ".d.ts")}`;

/**
 * Lays out `@longshore/sdk` as it is published: JavaScript for every place that has fetch and WebCrypto, with what it uses
 * of the shared code built in, and declarations.
 *
 * Shape: `folder` gets `package.json`, `README.md`, `LICENSE`, `dist/`.
 */
export const laySdkPackage = async (root: string, folder: string, workDir: string): Promise<void> => {
  const own = JSON.parse(await readFile(join(root, "sdk/package.json"), "utf8"));
  const zod = await installedVersion(root, "zod");
  const superjson = await installedVersion(join(root, "sdk"), "superjson");
  await mkdir(join(folder, "dist"), { recursive: true });
  await build({
    entryPoints: Object.entries(entries).map(([out, file]) => ({ in: join(root, file), out })),
    outdir: join(folder, "dist"),
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "neutral",
    target: "es2022",
    external: ["superjson", "node:*"],
    // Names are kept: they are in the stack traces that users read.
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: "none",
    logLevel: "error",
  });
  await emitTypes(root, Object.values(entries), join(folder, "dist/types"), workDir);
  const exported = (name: keyof typeof entries) => ({
    types: typesOf(entries[name]),
    default: `./dist/${name}.js`,
  });
  const { name, version, license, type, sideEffects, engines } = own;
  const manifest = {
    name,
    version,
    description: "Write and trigger Longshore tasks: background work in TypeScript.",
    keywords: ["background-jobs", "tasks", "queue", "workflows", "typescript"],
    license,
    type,
    sideEffects,
    engines,
    types: typesOf(entries.index),
    exports: {
      ".": exported("index"),
      "./v3": exported("index"),
      "./python": exported("python"),
      "./package.json": "./package.json",
    },
    // For compilers that do not read "exports".
    main: "./dist/index.js",
    typesVersions: { "*": { v3: [typesOf(entries.index)], python: [typesOf(entries.python)] } },
    files: ["dist"],
    // zod only for the declarations.
    dependencies: { superjson, zod },
  };
  await writeFile(join(folder, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`);
  await copyFile(join(root, "sdk/README.md"), join(folder, "README.md"));
  await copyFile(join(root, "LICENSE"), join(folder, "LICENSE"));
};
