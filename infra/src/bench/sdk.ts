import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { makeTempFolder } from "../services/temp-folder.ts";
import { type Figure, median, rounded } from "./figures.ts";

const run = promisify(execFile);
const sdk = createRequire(import.meta.url).resolve("@longshore/sdk");

/** Cold processes for each of the two modules. */
const samples = 25;
/** One import in a cold process: how long it took, and how much of a processor. Units: milliseconds. */
const stopwatch = `
const began = { at: performance.now(), cpu: process.cpuUsage() };
await import(process.argv[2]);
const { user, system } = process.cpuUsage(began.cpu);
process.stdout.write(JSON.stringify({ ms: performance.now() - began.at, cpuMs: (user + system) / 1000 }));
`;
type Reading = { ms: number; cpuMs: number };

/** The SDK as it would be published: with superjson and what it uses of the shared code, and with nothing external. */
const bundleSdk = async (minify: boolean): Promise<string> => {
  const result = await build({
    entryPoints: [sdk],
    bundle: true,
    write: false,
    format: "esm",
    platform: "neutral",
    mainFields: ["module", "main"],
    target: "node20",
    minify,
    logLevel: "error",
  });
  return result.outputFiles[0]?.text ?? "";
};

const kb = (text: string): number => rounded(text.length / 1_000);

/** What the SDK costs a program that imports it. Units: milliseconds over an empty module; thousands of bytes. */
export const measureSdk = async (): Promise<Figure> => {
  const folder = makeTempFolder("bench-sdk");
  try {
    const code = await bundleSdk(false);
    const files = {
      watch: join(folder.path, "watch.mjs"),
      sdk: join(folder.path, "sdk.mjs"),
      empty: join(folder.path, "empty.mjs"),
    };
    await Promise.all([
      writeFile(files.watch, stopwatch),
      writeFile(files.sdk, code),
      writeFile(files.empty, "export {};\n"),
    ]);
    const read = async (file: string) =>
      JSON.parse((await run(process.execPath, [files.watch, file])).stdout) as Reading;
    const ours: Reading[] = [];
    const empty: Reading[] = [];
    for (let round = 0; round < samples; round++) {
      // In turn, so that whatever else the machine does falls on both.
      ours.push(await read(files.sdk));
      empty.push(await read(files.empty));
    }
    const over = (of: (reading: Reading) => number) => rounded(median(ours.map(of)) - median(empty.map(of)));
    return {
      name: "sdk",
      importMs: over(({ ms }) => ms),
      importCpuMs: over(({ cpuMs }) => cpuMs),
      n: samples,
      bundleKb: kb(code),
      bundleGzipKb: rounded(gzipSync(code).length / 1_000),
      minifiedGzipKb: rounded(gzipSync(await bundleSdk(true)).length / 1_000),
    };
  } finally {
    folder.remove();
  }
};
