import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type FakeControlPlane, startFakeControlPlane } from "@longshore/agent/testing/fake-control-plane";
import { afterEach, beforeEach, expect, test } from "vitest";

const bin = fileURLToPath(new URL("../../bin/longshore.js", import.meta.url));
let api: FakeControlPlane;
let home: string;
const children: ChildProcess[] = [];

beforeEach(async () => {
  api = await startFakeControlPlane();
  home = await mkdtemp(join(tmpdir(), "longshore-cli-agent-"));
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  await api.close();
  await rm(home, { recursive: true, force: true });
});

type Ended = { code: number | null; stdout: string; stderr: string };

const begin = (args: string[], env: Record<string, string> = {}) => {
  const child = spawn(process.execPath, [bin, "agent", ...args], {
    cwd: home,
    env: { PATH: process.env.PATH, HOME: home, LONGSHORE_RUNTIME: "process", ...env },
  });
  children.push(child);
  const said = { stdout: "", stderr: "" };
  child.stdout.on("data", (piece) => {
    said.stdout += piece;
  });
  child.stderr.on("data", (piece) => {
    said.stderr += piece;
  });
  const ended = new Promise<Ended>((resolve) => child.once("close", (code) => resolve({ code, ...said })));
  return { child, said, ended };
};
const longshore = (args: string[], env?: Record<string, string>) => begin(args, env).ended;
const started = (agent: ReturnType<typeof begin>) =>
  api.until("the start", () => agent.said.stdout.includes("Agent started"));

test("the first start enrols with what the variables say, and keeps it in the documented folder", async () => {
  const agent = begin(["start"], {
    LONGSHORE_URL: api.url,
    LONGSHORE_ENROL_TOKEN: "first",
    LONGSHORE_AGENT_NAME: "from-env",
    LONGSHORE_SLOTS: "3",
  });
  await started(agent);
  expect(api.polls[0]).toMatchObject({ slots: 3, runtime: "process", labels: { name: "from-env" } });
  agent.child.kill("SIGTERM");
  const { code, stdout } = await agent.ended;
  expect([code, stdout]).toEqual([0, "Agent started: process (as asked), 3 slots\n"]);
  // Without an address or a token: both are in ~/.longshore/agent now. A flag wins over its variable.
  const again = begin(["start", "--slots", "2"], { LONGSHORE_SLOTS: "5" });
  await started(again);
  expect(again.said.stdout).toContain(", 2 slots");
});

test("what enrol prints works", async () => {
  const env = { LONGSHORE_API_URL: api.url };
  const { code, stdout } = await longshore(["enrol", "--token", "one", "--name", "mine"], env);
  expect([code, stdout]).toEqual([
    0,
    'This machine is now the agent "mine". Start it with: longshore agent start\n',
  ]);
  await started(begin(["start"]));
});

test("a revoked agent says so in one line, and a fresh token makes it work again", async () => {
  const env = { LONGSHORE_URL: api.url };
  await longshore(["enrol", "--token", "one"], env);
  api.state.refuseWith = { status: 401, code: "agent_revoked", error: "revoked" };
  const revoked = await longshore(["start"], env);
  expect(revoked).toEqual({
    code: 1,
    stdout: "",
    stderr:
      "error: This agent was revoked. Enrol it again with a new token: set LONGSHORE_ENROL_TOKEN and restart it.\n",
  });
  api.state.refuseWith = null;
  const fresh = begin(["start"], { ...env, LONGSHORE_ENROL_TOKEN: "two" });
  await started(fresh);
  expect(api.polls.length).toBeGreaterThan(0);
});

test("what is missing or wrong is named", async () => {
  const bare = await longshore(["start"]);
  expect([bare.code, bare.stderr]).toEqual([
    2,
    "error: no API address\nnext: pass --api-url or set LONGSHORE_URL\n",
  ]);
  const wrong = await longshore(["start", "--api-url", api.url], { LONGSHORE_SLOTS: "many" });
  expect(wrong.code).toBe(2);
  expect(wrong.stderr).toContain("LONGSHORE_SLOTS");
  const stranger = await longshore(["start", "--api-url", api.url]);
  expect(stranger.code).toBe(1);
  expect(stranger.stderr).toContain("Set LONGSHORE_ENROL_TOKEN");
});
