import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { RunnerFact, RunnerFrame, RunnerJob } from "@longshore/shared/contract/runner-protocol";
import { encodeLine, lineSplitter } from "@longshore/shared/core/json-lines";
import { afterEach, beforeEach, expect, test } from "vitest";
import { buildRunner } from "../build-runner.ts";
import { taskFiles } from "../testing/make-bundle.ts";
import { makeLease } from "../testing/make-lease.ts";

let dir: string;
let server: Server;
let runner: ChildProcess;
let socket: Socket;
let isReady = false;
let isUp: boolean | undefined;
let onFact: (fact: RunnerFact) => void = () => {};
const facts: RunnerFact[] = [];

const receive = (frame: RunnerFrame): void => {
  if (frame.t === "hello") socket.write(encodeLine({ t: "welcome", ack: 0 }));
  if (frame.t === "ready") {
    isReady = true;
    isUp = frame.isUp;
  }
  if (frame.t !== "fact") return;
  facts.push(frame.fact);
  socket.write(encodeLine({ t: "ack", seq: frame.seq }));
  onFact(frame.fact);
};
const until = async (what: string, isTrue: () => boolean, ms = 15_000): Promise<void> => {
  for (const endsAt = Date.now() + ms; !isTrue(); await sleep(5))
    if (Date.now() > endsAt) throw new Error(`waited for ${what}: ${JSON.stringify(facts)}`);
};
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const fenceMs = 1_500;

beforeEach(async () => {
  isReady = false;
  dir = await mkdtemp(join(tmpdir(), "longshore-frozen-"));
  const files = await taskFiles({
    pid: "run: () => process.pid",
    slow: "run: () => new Promise((resolve) => setTimeout(resolve, 1_000))",
  });
  for (const [name, text] of Object.entries(files)) await writeFile(join(dir, name), text);
  const address = join(dir, "agent.sock");
  server = createServer((peer) => {
    socket = peer;
    const splitter = lineSplitter(1024 * 1024);
    peer.setEncoding("utf8").on("data", (piece: string) => {
      for (const line of splitter.push(piece)) receive(JSON.parse(line) as RunnerFrame);
    });
  });
  await new Promise<void>((resolve) => server.listen(address, resolve));
  const env = {
    PATH: process.env.PATH,
    LONGSHORE_SOCKET: address,
    LONGSHORE_RUNNER_TOKEN: "t",
    LONGSHORE_FENCE_MS: String(fenceMs),
  };
  const main = join(await buildRunner(), "runner.cjs");
  runner = spawn(process.execPath, [main], { detached: true, stdio: "inherit", cwd: dir, env });
  await until("the runner", () => isReady);
});
afterEach(async () => {
  process.kill(-(runner.pid as number), "SIGKILL");
  socket.destroy();
  server.close();
  await rm(dir, { recursive: true, force: true });
});

const sayLease = (): void => void socket.write(encodeLine({ t: "lease", leftMs: fenceMs }));
const start = (task: string): string => {
  const { runId, context } = makeLease("hash", task);
  const job: RunnerJob = {
    runId,
    context,
    task,
    epoch: 1,
    attempt: 1,
    payload: null,
    payloadType: "application/json",
    bundleDir: dir,
    entry: "tasks.mjs",
    env: {},
    secretEnv: [],
    maxDurationS: null,
    oldSpaceMb: null,
    keepAlive: { maxExecutions: 50 },
  };
  sayLease();
  socket.write(encodeLine({ t: "run", job }));
  return runId;
};
const hasSaid = (id: string, kind: RunnerFact["kind"]) => (): boolean =>
  facts.some((fact) => fact.runId === id && fact.kind === kind);

test("a kept process that was stopped by the fence with its end on the way goes on with the next run", {
  timeout: 40_000,
}, async () => {
  await until("the first", hasSaid(start("pid"), "completed"));
  const second = start("slow");
  await until("its start", hasSaid(second, "started"));
  // The host, or the container, stands still until the lease is over; the run's end is in the pipe by then.
  process.kill(runner.pid as number, "SIGSTOP");
  await sleep(fenceMs + 500);
  let third = "";
  onFact = (fact) => {
    if (fact.runId === second && fact.kind === "completed") third = start("pid");
  };
  process.kill(runner.pid as number, "SIGCONT");
  await until("the second", hasSaid(second, "completed"));
  const beats = setInterval(sayLease, 500);
  await until("the third", hasSaid(third, "completed")).finally(() => clearInterval(beats));
});

test("a process that waits for code is told as up once Node is up in it, and as gone when it is", {
  timeout: 40_000,
}, async () => {
  expect(isUp).toBe(false);
  socket.write(encodeLine({ t: "fork" }));
  await until("a process that is up", () => isUp === true);
  const { pid } = runner;
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8");
  process.kill(Number(children.trim()), "SIGKILL");
  await until("its end", () => isUp === false);
  await until("a run all the same", hasSaid(start("pid"), "completed"));
});
