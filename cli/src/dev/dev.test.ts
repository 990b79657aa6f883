import type { ChildProcess } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createProject } from "../testing/project.fixture.ts";
import { type CliOptions, runCli, startCli, until } from "../testing/run-cli.fixture.ts";

const tasks = `import { logger, task, wait } from "@longshore/sdk";
export const greet = task({ id: "greet", run: async (payload: { name: string }) => {
  logger.info("greeting", { name: payload.name });
  return { text: \`\${process.env.WORD} \${payload.name}\`, level: process.env.LEVEL };
} });
export const frozen = task({ id: "frozen", run: async () => { await wait.for({ seconds: 600 }); } });
export const busy = task({ id: "busy", run: async () => { for (;;) {} } });
`;

let project: Awaited<ReturnType<typeof createProject>>;
let dev: ChildProcess;
let said = "";
beforeAll(async () => {
  project = await createProject({ "src/trigger/tasks.ts": tasks });
  await project.write(".env", "WORD=Hello\nLEVEL=env\n");
  await project.write(".env.local", "LEVEL=local\n");
  dev = await startCli(["dev", "--port", "0"], { cwd: project.dir });
  for (const stream of [dev.stdout, dev.stderr]) {
    stream?.on("data", (chunk) => {
      said += chunk;
    });
  }
  await until(
    () => said,
    (text) => text.includes("Version"),
    120_000,
  );
}, 150_000);
afterAll(async () => {
  dev?.kill("SIGKILL");
  await project?.remove();
});

const cli = (args: string[], more: Partial<CliOptions> = {}) => runCli(args, { cwd: project.dir, ...more });
const answer = async (args: string[], more: Partial<CliOptions> = {}) => {
  const { code, stdout, stderr } = await cli([...args, "--json"], more);
  expect({ args, code, stderr }).toMatchObject({ code: 0 });
  return JSON.parse(stdout);
};

test("runs get the variables of the files, the later file wins, and a change is picked up", async () => {
  const run = (more: Partial<CliOptions>, ...payload: string[]) =>
    answer(["trigger", "greet", ...payload, "--wait"], more);
  expect((await run({ input: '{"name":"Ada"}' }, "-")).output).toEqual({ text: "Hello Ada", level: "local" });
  await project.write(".env", "WORD=Bye\n");
  await project.write("payload.json", '{"name":"Bob"}');
  expect((await run({}, "@payload.json")).output).toMatchObject({ text: "Bye Bob" });
}, 60_000);

test("each line of a run names it and its attempt, and its page is linked", async () => {
  const { id } = await answer(["trigger", "greet", '{"name":"Eve"}']);
  const page = new RegExp(
    `\\[${id}\\] greet \\w+(?: [\\d.]+ s)? http://127\\.0\\.0\\.1:\\d+/env/env_\\w+/runs/${id}`,
  );
  await until(
    () => said,
    (text) => text.includes(`[${id}] greet COMPLETED`),
  );
  expect(said).toMatch(page);
  expect(said).toContain(`[${id} attempt 1] info  greeting {"name":"Eve"}`);
  const { stdout } = await cli(["runs", "logs", id, "--follow", "--json"]);
  const lines = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(lines).toMatchObject([{ level: "info", message: "greeting" }]);
  const { id: again } = await answer(["runs", "replay", id]);
  expect(again).not.toBe(id);
  expect(await answer(["runs", "explain", again])).toMatchObject({ runId: again });
}, 60_000);

test("whoami says that commands go to the dev of this folder, and where that leads", async () => {
  expect(await answer(["whoami"])).toMatchObject({
    via: "dev",
    apiUrl: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
    environment: { slug: "dev", project: { name: "My project" } },
  });
}, 30_000);

test("queues and variables of the dev of this folder", async () => {
  expect(await answer(["queues", "pause", "task/greet"])).toMatchObject({ paused: true });
  expect(await answer(["queues", "resume", "task/greet"])).toMatchObject({ paused: false });
  expect(await cli(["env", "set", "PLAIN=it's"])).toMatchObject({ code: 0 });
  expect(await cli(["env", "set", "TOKEN", "--secret"], { input: "hush\n" })).toMatchObject({ code: 0 });
  await project.write("more.env", "PLAIN=other\nNEW=1\n");
  expect(await answer(["env", "import", "more.env"])).toMatchObject({ written: ["NEW"], kept: ["PLAIN"] });
  expect(await answer(["env", "pull", "-o", "pulled.env"])).toMatchObject({ secrets: ["TOKEN"] });
  expect(await readFile(path.join(project.dir, "pulled.env"), "utf8")).toBe(
    'NEW=1\nPLAIN="it\'s"\n'.replaceAll('"', "`"),
  );
  expect(await cli(["env", "pull", "-o", "pulled.env"])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("is there already"),
  });
  const unset = await cli(["env", "unset", "NEW", "NONE", "PLAIN"]);
  expect(unset).toMatchObject({
    code: 4,
    stderr:
      "error: dev has no variable NONE\nNEW, PLAIN are no longer set in dev\nnext: longshore env list\n",
  });
}, 60_000);

test("a second dev in the folder is refused, and the first is named", async () => {
  const { code, stderr } = await cli(["dev", "--port", "0"]);
  expect(code).toBe(1);
  expect(stderr).toContain(`error: longshore dev runs in ${project.dir} already (process ${dev.pid})`);
}, 30_000);

/** Every process that was started in the project's folder, or with a file of it. */
const processes = (): string[] =>
  readdirSync("/proc").filter((pid) => {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) return false;
    try {
      return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(path.join(project.dir, ".longshore"));
    } catch {
      return false;
    }
  });

test.skipIf(process.platform !== "linux")(
  "a dev that is killed leaves nothing: no frozen run, no busy one",
  async () => {
    await answer(["trigger", "frozen"]);
    await answer(["trigger", "busy"]);
    const isFrozen = () => processes().some((pid) => / T /.test(readFileSync(`/proc/${pid}/stat`, "utf8")));
    await until(isFrozen, Boolean);
    await until(
      () => said,
      (text) => /busy EXECUTING/.test(text),
    );
    expect(processes().length).toBeGreaterThan(3);
    dev.kill("SIGKILL");
    await until(processes, (left) => left.length === 0, 5_000);
  },
  60_000,
);

test("what a killed dev left does not stop the next one", async () => {
  const next = await startCli(["dev", "--port", "0", "--json"], { cwd: project.dir });
  const events: { event: string; error?: { detail?: string }; keepsLast?: boolean }[] = [];
  next.stdout?.on("data", (chunk) => {
    for (const line of String(chunk).trim().split("\n")) events.push(JSON.parse(line));
  });
  const seen = (event: string) =>
    until(
      () => events.find((one) => one.event === event),
      (one) => one !== undefined,
      40_000,
    );
  await seen("version");
  await writeFile(path.join(project.dir, "src/trigger/tasks.ts"), `${tasks}const x = ;\n`);
  const failed = await seen("build_failed");
  expect(failed).toMatchObject({ keepsLast: true });
  expect(failed?.error?.detail).toMatch(/^src\/trigger\/tasks\.ts:\d+:\d+ .*\n {2}\d+ \| const x = ;\n +\^$/);
  next.kill("SIGINT");
  await new Promise((resolve) => next.once("exit", resolve));
  expect(next.exitCode).toBe(0);
}, 90_000);
