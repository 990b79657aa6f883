import { cpSync, existsSync, readdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { type Client, createClient } from "@longshore/sdk";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { freePort } from "../src/services/free-port.ts";
import { runCommand } from "../src/services/run-command.ts";
import { makeTempFolder } from "../src/services/temp-folder.ts";
import { needs } from "../src/testing/need.ts";
import { makePythonBase, systemPython } from "./stage/python-image.ts";
import { ended, root, spawnCli } from "./stage/spawn-part.ts";
import { type Stage, startStage } from "./stage/start-stage.ts";
import { until } from "./stage/until.ts";

const dockerHost = needs("docker");
const hasDocker = Boolean(dockerHost && needs("runnerImage"));
const pnpm = ["-y", "pnpm@12.21.0"];

type Example = {
  name: string;
  task: string;
  payload: unknown;
  output: unknown;
  /** What a person would do while the run waits. */
  meanwhile?: (client: Client, runId: string) => Promise<void>;
  /** Before anything is built. Shape: false when this machine cannot. */
  prepare?: (dir: string) => Promise<boolean>;
  /** It needs an image when it is deployed. */
  hasImage?: boolean;
};

/** Answers the token that the run shows in its metadata, without any credential but its address. */
const approve = async (client: Client, runId: string): Promise<void> => {
  let url = "";
  await until("the token is shown", async () => {
    const { metadata } = await client.runs.retrieve(runId);
    url = (metadata as { token?: { url?: string } } | undefined)?.token?.url ?? "";
    return url !== "";
  });
  const body = JSON.stringify({ approved: true, by: "Ada" });
  const headers = { "content-type": "application/json" };
  expect((await fetch(url, { method: "POST", headers, body })).status).toBe(200);
};

/** Packages of its own, and the generated client; Prisma's schema engine, a download that `generate` never calls, is stood in for. */
const preparePrisma = async (dir: string): Promise<boolean> => {
  const env = { ...process.env, PRISMA_SCHEMA_ENGINE_BINARY: process.execPath };
  const run = (command: string, args: string[]) =>
    runCommand(command, args, { cwd: dir, env, timeoutMs: 180_000 });
  const installed = await run("npx", [...pnpm, "install", "--frozen-lockfile", "--ignore-scripts"]);
  if (installed.code !== 0 && process.env.LONGSHORE_REQUIRE_ALL !== "1") return false;
  expect(installed.code, installed.output).toBe(0);
  const generated = await run(join(dir, "node_modules/.bin/prisma"), ["generate"]);
  expect(generated.code, generated.output).toBe(0);
  return true;
};

const examples: Example[] = [
  { name: "hello-world", task: "hello-world", payload: { name: "Ada" }, output: { message: "Hello, Ada!" } },
  {
    name: "retries-and-hooks",
    task: "charge",
    payload: { amount: 5, card: "good" },
    output: { charged: 5, attempts: 3, steps: ["attempt 3"] },
  },
  {
    name: "schedules",
    task: "remind",
    payload: { customer: "c1", cron: "0 9 * * 1", timezone: "America/New_York" },
    output: { id: expect.stringMatching(/^sched_/), nextRun: expect.stringMatching(/T1[34]:00:00/) },
  },
  {
    name: "batch-fan-out",
    task: "gallery",
    payload: { images: ["cat", "dog"], widths: [100, 200, -1] },
    output: { resized: 4, failed: 2, bytes: 600_000, text: "a picture of cat", small: 1_000 },
  },
  {
    name: "human-approval",
    task: "expense",
    payload: { amount: 120 },
    output: { state: "paid", amount: 120, by: "Ada" },
    meanwhile: approve,
  },
  {
    name: "native-sharp",
    task: "thumbnail",
    payload: { width: 800, height: 600, to: 80 },
    output: { format: "webp", width: 80, height: 60, bytes: expect.any(Number) },
  },
  {
    name: "prisma-sqlite",
    task: "orders",
    payload: { item: "tea", counts: [1, 2, 3] },
    output: { orders: 3, pieces: 6 },
    prepare: preparePrisma,
  },
  {
    name: "python",
    task: "statistics",
    payload: { numbers: [1, 2, 3] },
    output: { mean: 2, deviation: expect.closeTo(0.816, 3), python: 3 },
    prepare: async () => systemPython !== undefined,
    hasImage: true,
  },
  {
    name: "trigger-dev-project",
    task: "signup",
    payload: { email: "ada@example.com", plan: "paid" },
    output: { confirmed: true, mails: 1, attempt: 1 },
  },
];

test("every example is tried here", () => {
  const folders = readdirSync(join(root, "examples"));
  expect(examples.map(({ name }) => name).sort()).toEqual(folders.sort());
});

describe.skipIf(!hasDocker)("the examples", () => {
  const temp = makeTempFolder("e2e-examples");
  const pythonBase = `longshore-test-python:${process.pid}`;
  const docker = { ...process.env, DOCKER_HOST: dockerHost ?? "" };
  const prepared = new Map<string, Promise<boolean>>();
  let stage: Stage;
  beforeAll(async () => {
    // Mostly downloads: the examples before them need not wait.
    for (const { name, prepare } of examples) {
      const preparing = prepare?.(join(root, "examples", name));
      if (preparing !== undefined) prepared.set(name, preparing);
      // Who tries the example hears of it.
      preparing?.catch(() => undefined);
    }
    stage = await startStage("examples");
    await stage.agent({ runtime: "docker", slots: 4 });
  }, 60_000);
  afterAll(async () => {
    await Promise.allSettled(prepared.values());
    await stage?.close();
    await runCommand("docker", ["image", "rm", "-f", pythonBase], { env: docker });
    temp.remove();
  }, 120_000);

  /** The example as a person has it: its files and its packages, nothing built. */
  const copyOf = async ({ name }: Example): Promise<string | null> => {
    const from = join(root, "examples", name);
    const dir = join(temp.path, name);
    if (existsSync(dir)) return dir;
    if ((await prepared.get(name)) === false) return null;
    cpSync(from, dir, { recursive: true, filter: (path) => !/node_modules|\.longshore/.test(path) });
    const packages = join(from, "node_modules");
    if (existsSync(packages)) symlinkSync(packages, join(dir, "node_modules"));
    return dir;
  };
  let parts = 0;
  const cli = (args: string[], dir: string) =>
    spawnCli(args, {
      cwd: dir,
      logFile: join(temp.path, `cli-${++parts}.log`),
      env: {
        DOCKER_HOST: dockerHost ?? "",
        LONGSHORE_API_URL: stage.url,
        LONGSHORE_SECRET_KEY: stage.apiKey,
      },
    });
  const outputOf = async (client: Client, { task, payload, meanwhile }: Example): Promise<unknown> => {
    const { id } = await client.tasks.trigger(task, payload);
    await meanwhile?.(client, id);
    const run = await client.runs.poll(id, { pollIntervalMs: 100 });
    if (run.status !== "COMPLETED") throw new Error(JSON.stringify(run));
    return run.output;
  };

  test.for(examples)(
    "$name is deployed and runs in a container",
    { timeout: 240_000 },
    async (example, { skip }) => {
      const dir = await copyOf(example);
      if (dir === null) return skip("this machine cannot prepare it");
      if (example.hasImage) {
        await makePythonBase(needs("runnerImage") as string, pythonBase, temp.path, docker);
        const image = ["--image", "--image-base", pythonBase];
        const { code, output } = await ended(await cli(["deploy", ...image, "--json"], dir));
        expect(code, output).toBe(0);
      } else await stage.deploy(dir);
      expect(await outputOf(stage.client, example)).toEqual(example.output);
    },
  );

  test.for(examples)("$name runs in longshore dev", { timeout: 120_000 }, async (example, { skip }) => {
    const dir = await copyOf(example);
    if (dir === null) return skip("this machine cannot prepare it");
    const dev = await spawnCli(["dev", "--port", String(await freePort())], {
      cwd: dir,
      logFile: join(temp.path, `dev-${example.name}.log`),
    });
    try {
      await until("the first version", () => /✓.* Version \S+/.test(dev.output()), {
        withinMs: 90_000,
        saw: () => dev.output(),
      });
      const { apiUrl, apiKey } = JSON.parse(readFileSync(join(dir, ".longshore/dev.json"), "utf8"));
      const client = createClient({ baseURL: apiUrl, accessToken: apiKey });
      expect(await outputOf(client, example)).toEqual(example.output);
    } finally {
      dev.kill("SIGINT");
      await dev.untilExit();
    }
  });
});
