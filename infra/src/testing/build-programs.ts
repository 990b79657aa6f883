import { readFile } from "node:fs/promises";
import { pathToFileURL } from "node:url";
import { builtProgramsVariable } from "@longshore/shared/testing/node-program.fixture";
import { build, type Plugin } from "esbuild";
import { makeTempFolder } from "../services/temp-folder.ts";

/** What tests start as processes of their own, dozens of times each. */
const programs = [
  "cli/src/main.ts",
  "agent/src/main.ts",
  "edge-api/src/platform/migrate-main.ts",
  "infra/src/start.ts",
  "infra/src/demo.ts",
];

/** Modules look for files beside themselves: they are told where they came from. */
const keepAddresses: Plugin = {
  name: "keep-addresses",
  setup({ onLoad }) {
    onLoad({ filter: /\/src\/.*\.ts$/ }, async ({ path: file }) => {
      const text = await readFile(file, "utf8");
      const address = JSON.stringify(pathToFileURL(file).href);
      return { contents: text.replaceAll(/\bimport\.meta\.url\b/g, address), loader: "ts" };
    });
  },
};

/** What is no workspace package is loaded from where the room that imports it has it. */
const external: Plugin = {
  name: "external-packages",
  setup({ onResolve, resolve }) {
    onResolve({ filter: /^[^./]/ }, async ({ path: name, kind, resolveDir, pluginData }) => {
      const isOurs = name.startsWith("@longshore/") || name.startsWith("longshore/");
      if (pluginData === "asked" || kind === "entry-point" || isOurs) return undefined;
      const found = await resolve(name, { kind, resolveDir, pluginData: "asked" });
      return found.external ? undefined : { path: pathToFileURL(found.path).href, external: true };
    });
  },
};

/**
 * The house's programs as plain JavaScript, for tests: compiling one at each start takes longer than most of what it is
 * then asked for.
 *
 * Shape: the variable by which `nodeProgram` finds them, and how to remove them. Cost: under a second.
 */
export const buildPrograms = async (root: string): Promise<{ env: NodeJS.ProcessEnv; remove(): void }> => {
  const folder = makeTempFolder("programs");
  await build({
    entryPoints: programs,
    absWorkingDir: root,
    outbase: root,
    outdir: folder.path,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node20",
    logLevel: "error",
    plugins: [keepAddresses, external],
  });
  return { env: { [builtProgramsVariable]: folder.path }, remove: folder.remove };
};
