import { rmSync } from "node:fs";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build, type Plugin } from "esbuild";

const room = fileURLToPath(new URL("../..", import.meta.url));

/** Modules look for files beside themselves: they are told where they came from. */
const keepAddresses: Plugin = {
  name: "keep-addresses",
  setup({ onLoad }) {
    onLoad({ filter: /\/src\/.*\.ts$/ }, async ({ path: file }) => {
      const text = await readFile(file, "utf8");
      const address = JSON.stringify(pathToFileURL(file).href);
      return { contents: text.replaceAll("import.meta.url", address), loader: "ts" };
    });
  },
};

/** What is no workspace package is loaded from where the room that imports it has it. */
const external: Plugin = {
  name: "external-packages",
  setup({ onResolve, resolve }) {
    onResolve({ filter: /^[^./]/ }, async ({ path: name, kind, resolveDir, pluginData }) => {
      if (pluginData === "asked" || kind === "entry-point" || name.startsWith("@longshore/"))
        return undefined;
      const found = await resolve(name, { kind, resolveDir, pluginData: "asked" });
      return found.external ? undefined : { path: pathToFileURL(found.path).href, external: true };
    });
  },
};

let underWay: Promise<string> | undefined;

const buildOnce = async (): Promise<string> => {
  const outdir = path.join(room, "dist", `test-${process.pid}`);
  process.once("exit", () => rmSync(outdir, { recursive: true, force: true }));
  await build({
    entryPoints: [path.join(room, "src/main.ts")],
    outdir,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node20",
    logLevel: "error",
    plugins: [keepAddresses, external],
  });
  return path.join(outdir, "main.mjs");
};

/**
 * The CLI of these sources as plain JavaScript: a test calls it dozens of times, and compiling it each time takes longer
 * than all that it does. Shape: its file, which goes with this process.
 */
export const buildCli = (): Promise<string> => {
  underWay ??= buildOnce();
  return underWay;
};
