import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { hideLibrary, hideProcessors } from "./hide-library.ts";
import { firstModule } from "./runner/first-module.ts";

const here = dirname(fileURLToPath(import.meta.url));
const defaultOut = resolve(here, "../dist");
/** All that a runner is made of. */
export const runnerFiles = [
  "runner.cjs",
  "executor.cjs",
  firstModule,
  ...hideProcessors.map((processor) => `hide-${processor}.node`),
];
const stampName = "runner.stamp.json";

type Stamp = { inputs: Record<string, string> };

const hashFile = async (path: string): Promise<string> =>
  createHash("sha256")
    .update(await readFile(path).catch(() => ""))
    .digest("hex");

const isUpToDate = async (outDir: string): Promise<boolean> => {
  // What an earlier version of this file has built may lack some.
  const files = await readdir(outDir).catch((): string[] => []);
  if (!runnerFiles.every((file) => files.includes(file))) return false;
  const text = await readFile(join(outDir, stampName), "utf8").catch(() => null);
  if (text === null) return false;
  const { inputs } = JSON.parse(text) as Stamp;
  const hashes = await Promise.all(
    Object.entries(inputs).map(async ([path, hash]) => (await hashFile(resolve(here, path))) === hash),
  );
  return hashes.every(Boolean);
};

const build = async (outDir: string): Promise<void> => {
  const esbuild = await import("esbuild");
  const result = await esbuild.build({
    entryPoints: { runner: join(here, "runner/main.ts"), executor: join(here, "runner/executor.ts") },
    outdir: outDir,
    outExtension: { ".js": ".cjs" },
    bundle: true,
    platform: "node",
    // Node starts what is no ES module sooner, by a tenth; the code of the runs is one all the same.
    format: "cjs",
    target: "node20",
    metafile: true,
    absWorkingDir: here,
    legalComments: "none",
    minifySyntax: true,
  });
  await writeFile(join(outDir, firstModule), "export {};\n");
  for (const processor of hideProcessors)
    await writeFile(join(outDir, `hide-${processor}.node`), hideLibrary(processor));
  const inputs: Stamp["inputs"] = { "hide-library.ts": await hashFile(join(here, "hide-library.ts")) };
  for (const path of Object.keys(result.metafile.inputs)) inputs[path] = await hashFile(resolve(here, path));
  await writeFile(join(outDir, stampName), JSON.stringify({ inputs } satisfies Stamp));
};

let underWay: Promise<string> | null = null;

/**
 * Bundles what runs inside containers: `runner.cjs` and `executor.cjs`, without dependencies, the libraries that
 * hide a runner, and a module with nothing in it.
 *
 * Shape: the folder that holds them. Cost: about 100 ms; a few when nothing it is made of has changed. An installed
 * package brings the files ready-made and has no sources to compare with.
 */
export const buildRunner = (outDir: string = defaultOut): Promise<string> => {
  underWay ??= (async () => {
    await mkdir(outDir, { recursive: true });
    if (!(await isUpToDate(outDir))) await build(outDir);
    return outDir;
  })().finally(() => {
    underWay = null;
  });
  return underWay;
};
