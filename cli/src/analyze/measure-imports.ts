import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { build } from "esbuild";
import { requireBanner } from "../bundle/esbuild-options.ts";
import type { ProjectConfig } from "../bundle/load-config.ts";
import { sdkPlugin } from "../bundle/sdk-plugin.ts";

/** How long a task file took to import, with all it imports, in a process that had loaded nothing. Units: `ms`. */
export type ImportTime = { file: string; ms: number | null; error?: string };

const timeoutMs = 30_000;
const run = promisify(execFile);

/** The last line, since the file itself may print. */
const script =
  'const start = performance.now(); await import(process.argv[1]); console.log("\\n" + (performance.now() - start)); process.exit(0)';

const bundleAlone = async (
  dir: string,
  files: string[],
  outdir: string,
  config: ProjectConfig,
): Promise<void> => {
  await build({
    entryPoints: files.map((file, i) => ({ in: path.join(dir, file), out: String(i) })),
    absWorkingDir: dir,
    outdir,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node20",
    jsx: "automatic",
    logLevel: "silent",
    banner: { js: requireBanner },
    external: config.build?.external ?? [],
    plugins: [sdkPlugin(dir)],
  });
};

const measure = async (entry: string, file: string): Promise<ImportTime> => {
  try {
    const args = ["--input-type=module", "-e", script, pathToFileURL(entry).href];
    const { stdout } = await run(process.execPath, args, { timeout: timeoutMs });
    return { file, ms: Number(stdout.trimEnd().split("\n").at(-1)) };
  } catch (error) {
    const said = error instanceof Error && "stderr" in error ? String(error.stderr) : String(error);
    const line = said.split("\n").find((text) => /^\w*Error\b/.test(text)) ?? "it ended by itself";
    return { file, ms: null, error: line };
  }
};

/** Imports each task file by itself, the slowest first. Cost: one process each, one after the other. */
export const measureImports = async (
  dir: string,
  files: string[],
  config: ProjectConfig,
): Promise<ImportTime[]> => {
  const outdir = await mkdtemp(path.join(tmpdir(), "longshore-analyze-"));
  try {
    await bundleAlone(dir, files, outdir, config);
    const times: ImportTime[] = [];
    for (const [i, file] of files.entries()) times.push(await measure(path.join(outdir, `${i}.mjs`), file));
    return times.sort((a, b) => (b.ms ?? Number.POSITIVE_INFINITY) - (a.ms ?? Number.POSITIVE_INFINITY));
  } finally {
    await rm(outdir, { recursive: true, force: true });
  }
};
