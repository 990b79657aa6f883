import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type FakeControlPlane, startFakeControlPlane } from "@longshore/agent/testing/fake-control-plane";
import { makeBundle, taskFiles } from "@longshore/agent/testing/make-bundle";
import { makeLease } from "@longshore/agent/testing/make-lease";
import { nodeProgram } from "@longshore/shared/testing/node-program.fixture";
import { afterEach, beforeEach, expect, test } from "vitest";

const root = fileURLToPath(new URL("../../..", import.meta.url));
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
  const child = spawn(process.execPath, [...nodeProgram(root, "cli/src/main.ts"), "agent", ...args], {
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
    code: 78,
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

test("status, drain and its undoing speak with the agent on this machine", { timeout: 60_000 }, async () => {
  const nobody = await longshore(["status"]);
  expect([nobody.code, nobody.stderr.split("\n")[0]]).toEqual([
    1,
    `error: no agent runs on the data folder ${join(home, ".longshore/agent")}`,
  ]);
  await started(begin(["start"], { LONGSHORE_URL: api.url, LONGSHORE_ENROL_TOKEN: "one" }));
  const status = JSON.parse((await longshore(["status", "--json"])).stdout) as { draining: boolean };
  expect(status).toMatchObject({ draining: false, runtime: "process", healthy: true });

  const flag = join(home, "go");
  const slow = `run: async () => {
    const { existsSync } = await import("node:fs");
    while (!existsSync(${JSON.stringify(flag)})) await new Promise((next) => setTimeout(next, 50));
  }`;
  const hash = api.addBundle(await makeBundle(await taskFiles({ slow })));
  const lease = makeLease(hash, "slow");
  api.lease(lease);
  await api.until("its start", () => api.facts.some(({ kind }) => kind === "started"));
  const tooSoon = await longshore(["drain", "--timeout", "0"]);
  expect([tooSoon.code, tooSoon.stderr]).toEqual([
    1,
    expect.stringContaining("not drained after 0 s: 1 run at work"),
  ]);
  const draining = begin(["drain"]);
  await api.until("its progress", () => draining.said.stderr.includes("1 run at work"));
  await writeFile(flag, "");
  const drained = await draining.ended;
  expect([drained.code, drained.stdout]).toEqual([
    0,
    "Drained: nothing executes here, and everything is reported.\n",
  ]);
  expect(api.facts.at(-1)).toMatchObject({ kind: "completed", runId: lease.runId });
  expect((await longshore(["status"])).stdout).toContain("draining");
  expect((await longshore(["drain", "--undo"])).stdout).toBe("The agent takes runs again.\n");
});

test("doctor says what is wrong and what to do, and its exit code says whether", {
  timeout: 60_000,
}, async () => {
  const env = { LONGSHORE_URL: api.url };
  const fresh = await longshore(["doctor", "--json"], env);
  const checks = (said: string) =>
    Object.fromEntries(
      (JSON.parse(said) as { checks: { name: string; state: string }[] }).checks.map(({ name, state }) => [
        name,
        state,
      ]),
    );
  expect(fresh.code).toBe(1);
  expect(checks(fresh.stdout)).toMatchObject({
    identity: "fail",
    "data folder": "warn",
    network: "ok",
    agent: "warn",
  });
  await longshore(["enrol", "--token", "one"], env);
  const enrolled = await longshore(["doctor", "--json"], env);
  expect([enrolled.code, checks(enrolled.stdout)]).toMatchObject([
    0,
    { identity: "ok", "data folder": "ok", network: "ok", clock: "ok", disk: "ok", engine: "skipped" },
  ]);
  api.state.refuseWith = { status: 401, code: "agent_revoked", error: "revoked" };
  const revoked = await longshore(["doctor"], env);
  expect(revoked.code).toBe(1);
  expect(revoked.stdout).toMatch(/fail {5}identity +This agent was revoked/);
  expect(revoked.stdout).toContain("Enrol it again with a new token.");
  const away = await longshore(["doctor", "--api-url", "http://127.0.0.1:9"], {
    LONGSHORE_RUNTIME: "docker",
    DOCKER_HOST: "unix:///nowhere.sock",
  });
  expect([away.code, away.stdout]).toEqual([1, expect.stringMatching(/fail {5}engine +no engine answers/)]);
  expect(away.stdout).toMatch(/fail {5}network +http:..127.0.0.1:9 cannot be reached/);
});
