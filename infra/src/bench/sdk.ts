import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { laySdkPackage } from "../packages/sdk-package.ts";
import { makeTempFolder } from "../services/temp-folder.ts";
import { type Figure, median, rounded } from "./figures.ts";

const run = promisify(execFile);
const root = fileURLToPath(new URL("../../..", import.meta.url));

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

const kb = (text: string): number => rounded(text.length / 1_000);

/** What the SDK, as it is published, costs a program that imports it. Units: milliseconds over an empty module; thousands of bytes. */
export const measureSdk = async (): Promise<Figure> => {
  const folder = makeTempFolder("bench-sdk");
  try {
    await laySdkPackage(root, join(folder.path, "sdk"), join(folder.path, "types"));
    const files = {
      watch: join(folder.path, "watch.mjs"),
      sdk: join(folder.path, "sdk/dist/index.js"),
      empty: join(folder.path, "empty.mjs"),
    };
    await Promise.all([writeFile(files.watch, stopwatch), writeFile(files.empty, "export {};\n")]);
    const read = async (file: string) =>
      JSON.parse((await run(process.execPath, [files.watch, file])).stdout) as Reading;
    const code = await readFile(files.sdk, "utf8");
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
      codeKb: kb(code),
      codeGzipKb: rounded(gzipSync(code).length / 1_000),
    };
  } finally {
    folder.remove();
  }
};
