import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { installPackages } from "../packages/install-packages.ts";
import { makePackages } from "../packages/make-packages.ts";
import { makeTempFolder } from "../services/temp-folder.ts";
import { buildDashboard } from "../testing/build-dashboard.ts";
import { type Figure, median, percentiles, rounded } from "./figures.ts";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const edits = 20;
/** Between two edits. Units: milliseconds. */
const pauseMs = 1_000;
const deployments = 3;

/** Variables of the shell that would send the CLI elsewhere. */
const env = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^(LONGSHORE_|TRIGGER_|PORT$|HOST$)/.test(name)),
);

type Started = ChildProcess & { stdout: NodeJS.ReadableStream };
/** Runs the installed CLI. */
type Start = (dir: string, args: string[]) => Started;

const startOf =
  (cli: string): Start =>
  (dir, args) =>
    spawn(process.execPath, [cli, ...args], { cwd: dir, env, stdio: ["ignore", "pipe", "inherit"] });

/** The next version that `dev` tells. Errors: throws for a build that fails. */
const createVersions = (dev: Started) => {
  const waiting: ((error: Error | null) => void)[] = [];
  createInterface({ input: dev.stdout }).on("line", (line) => {
    const { event } = JSON.parse(line) as { event: string };
    if (event === "version") waiting.shift()?.(null);
    if (event === "build_failed") waiting.shift()?.(new Error(line));
  });
  return (): Promise<void> =>
    new Promise((resolve, reject) => {
      waiting.push((error) => (error ? reject(error) : resolve()));
    });
};

const measureRebuilds = async (dir: string, next: () => Promise<void>): Promise<number[]> => {
  const file = join(dir, "src/trigger/hello.ts");
  const text = readFileSync(file, "utf8");
  const samples: number[] = [];
  for (let edit = 0; edit < edits; edit++) {
    // As a person edits: what a build leaves to be done is done by then.
    await sleep(pauseMs);
    const told = next();
    const startedMs = performance.now();
    writeFileSync(file, text.replace("Hello, ", `Hello ${edit}, `));
    await told;
    samples.push(performance.now() - startedMs);
  }
  return samples;
};

/** The whole command, from its start to its end; each time the code is new. */
const measureDeployments = async (start: Start, dir: string): Promise<number[]> => {
  const { apiUrl, apiKey } = JSON.parse(readFileSync(join(dir, ".longshore/dev.json"), "utf8")) as {
    apiUrl: string;
    apiKey: string;
  };
  const fresh = makeTempFolder("bench-deploy");
  cpSync(dir, fresh.path, { recursive: true, filter: (path) => !path.includes(".longshore") });
  const file = join(fresh.path, "src/trigger/hello.ts");
  const text = readFileSync(file, "utf8");
  const samples: number[] = [];
  for (let i = 0; i < deployments; i++) {
    writeFileSync(file, text.replace("Hello", `Deployed ${i}`));
    const startedMs = performance.now();
    const args = ["deploy", fresh.path, "--api-url", apiUrl, "--api-key", apiKey, "--json"];
    const child = start(fresh.path, args);
    child.stdout.resume();
    const [code] = await once(child, "exit");
    if (code !== 0) throw new Error(`deploy ended with exit code ${code}`);
    samples.push(performance.now() - startedMs);
  }
  fresh.remove();
  return samples;
};

/**
 * From an edit of hello-world to its version being current under `longshore dev`, and how long `longshore deploy` takes
 * against the embedded API. The packages as they are published, installed in a folder; no services.
 */
export const measureCli = async (): Promise<Figure> => {
  const folder = makeTempFolder("bench-cli");
  const dir = join(folder.path, "hello-world");
  await buildDashboard(root, process.env);
  const made = await makePackages(root, join(folder.path, "packages"));
  const start = startOf(await installPackages(root, made, dir));
  cpSync(join(root, "examples/hello-world"), dir, {
    recursive: true,
    filter: (path) => !/node_modules|\.longshore|package\.json/.test(path),
  });
  const dev = start(dir, ["dev", "--json", "--port", "0"]);
  try {
    const next = createVersions(dev);
    await next();
    const rebuild = percentiles(await measureRebuilds(dir, next));
    const deployMs = median(await measureDeployments(start, dir));
    const sizes = made.map(({ name, packed, unpacked }) => ({
      name,
      packedKb: rounded(packed / 1_000),
      unpackedKb: rounded(unpacked / 1_000),
    }));
    return { name: "cli", rebuild, deployMs, sizes };
  } finally {
    dev.kill("SIGINT");
    if (dev.exitCode === null) await once(dev, "exit");
    folder.remove();
  }
};
