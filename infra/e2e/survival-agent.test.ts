import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { connectDocker } from "../src/services/connect-docker.ts";
import { needs } from "../src/testing/need.ts";
import { hasRealParts, realApi } from "./stage/real-api.ts";
import { ended, spawnPart } from "./stage/spawn-part.ts";
import { type Stage, startStage } from "./stage/start-stage.ts";
import { until } from "./stage/until.ts";

/** Ticks until the run `gate` is cancelled; `boot` names the process it runs in. */
const gated = `
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { logger, runs, task } from "@longshore/sdk";
const boot = randomUUID();
let calls = 0;
export const gate = task({ id: "gate", run: async () => {} });
export const gated = task({
  id: "gated",
  retry: { maxAttempts: 3, minTimeoutInMs: 100, maxTimeoutInMs: 200 },
  run: async (payload: { gate: string }, { ctx }) => {
    calls++;
    for (let tick = 1; ; tick++) {
      logger.info(\`tick \${tick} \${boot}\`);
      await sleep(250);
      const seen = tick % 4 === 0 ? await runs.retrieve(payload.gate).catch(() => null) : null;
      if (seen?.status === "CANCELED") return { boot, calls, ticks: tick, attempt: ctx.attempt.number };
    }
  },
});
`;
type Output = { boot: string; calls: number; ticks: number; attempt: number };

const makeGate = async ({ client }: Stage) => (await client.tasks.trigger("gate", {}, { delay: "1h" })).id;
const statusOf = async ({ client }: Stage, id: string) => (await client.runs.retrieve(id)).status;
const outputOf = async ({ client }: Stage, id: string): Promise<Output> => {
  const run = await client.runs.poll(id, { pollIntervalMs: 200 });
  expect(run).toMatchObject({ status: "COMPLETED" });
  return ("output" in run ? run.output : null) as Output;
};

describe.skipIf(!hasRealParts)("what happens to the runs of an agent that", () => {
  const docker = connectDocker(needs("docker"));
  let stage: Stage;
  beforeAll(async () => {
    stage = await startStage("survival-agent", realApi());
    await stage.deploy(stage.project({ "trigger/gated.ts": gated }));
  });
  afterAll(() => stage?.close());

  /** The container that an agent keeps a run in, as its own record says. */
  const containerOf = async (agent: string, runId: string): Promise<string> => {
    const runs = join(stage.folder, "agents", agent, "runs");
    const key = readdirSync(runs).find((name) => {
      const record = join(runs, name, "container.json");
      const text = existsSync(record) ? readFileSync(record, "utf8") : "";
      return text.trimEnd().split("\n").at(-1)?.includes(runId);
    });
    const [found] = await docker.listContainers({
      all: true,
      filters: { label: [`dev.longshore.dir=${key}`] },
    });
    return found?.Id ?? "none";
  };
  const isThere = (id: string): Promise<boolean> =>
    docker
      .getContainer(id)
      .inspect()
      .then(
        () => true,
        () => false,
      );
  test("is stopped for longer than its lease: its runs freeze, are retried elsewhere, and its late word is refused", {
    timeout: 180_000,
  }, async () => {
    const { client } = stage;
    const first = await stage.spawnAgent("stopped", "docker");
    const gate = await makeGate(stage);
    const { id } = await client.tasks.trigger("gated", { gate });
    await until("it ticks", async () => (await stage.logsOf(id)).length >= 2, {
      withinMs: 90_000,
      saw: first.output,
    });
    const container = await containerOf("stopped", id);
    first.kill("SIGSTOP");
    const second = await stage.spawnAgent("other", "docker");
    await until(
      "the second attempt executes",
      async () =>
        (await client.runs.timeline(id)).attempts.some(
          ({ number, status }) => number === 2 && status === "executing",
        ),
      { withinMs: 90_000, saw: second.output },
    );
    // No two executors at once: that of the stopped agent stands still.
    const top = (await docker.getContainer(container).top({ ps_args: "-eo pid,stat,args" })) as {
      Processes: string[][];
    };
    const executors = top.Processes.filter(([, , command]) => command?.includes("executor.cjs"));
    expect(executors.map(([, state]) => state?.[0])).toEqual(["T"]);

    first.kill("SIGCONT");
    await until("its container is gone", async () => !(await isThere(container)), {
      withinMs: 60_000,
      saw: first.output,
    });
    await client.runs.cancel(gate);
    expect(await outputOf(stage, id)).toMatchObject({ attempt: 2, calls: 1 });
    const { attempts } = await client.runs.timeline(id);
    expect(attempts.map(({ number, status }) => [number, status])).toEqual([
      [1, "lost"],
      [2, "completed"],
    ]);
    const messages = first
      .output()
      .split("\n")
      .filter(Boolean)
      .map((line) => line.replace(/.*"message":"([^"]*)".*/, "$1"));
    const fenced = messages.findIndex((message) => message.includes("the runs are frozen"));
    const taken = messages.findIndex((message) => message.includes("taken away"));
    expect([fenced >= 0, taken > fenced], first.output()).toEqual([true, true]);
    for (const one of [first, second]) one.kill("SIGTERM");
    expect([await first.untilExit(), await second.untilExit()]).toEqual([0, 0]);
  });

  test("comes back without its records: they are tried again at once instead of counting as executing for ever", {
    timeout: 180_000,
  }, async () => {
    const { client } = stage;
    const first = await stage.spawnAgent("forgetful", "docker");
    const gate = await makeGate(stage);
    const { id } = await client.tasks.trigger("gated", { gate });
    await until("it ticks", async () => (await stage.logsOf(id)).length >= 1, {
      withinMs: 90_000,
      saw: first.output,
    });
    first.kill("SIGKILL");
    await first.untilExit();
    const runs = join(stage.folder, "agents/forgetful/runs");
    for (const name of readdirSync(runs)) rmSync(join(runs, name, "container.json"));
    const again = await stage.spawnAgent("forgetful", "docker");
    await client.runs.cancel(gate);
    expect(await outputOf(stage, id)).toMatchObject({ attempt: 2 });
    again.kill("SIGTERM");
    expect(await again.untilExit()).toBe(0);
  });

  test("has its identity copied: the newer process stays, the older ends and says why", {
    timeout: 180_000,
  }, async () => {
    const { client } = stage;
    const first = await stage.spawnAgent("original", "docker");
    const known = await until("it is online", async () =>
      (await client.agents.list()).data.find(
        ({ name, status, slots }) => name === "original" && status === "online" && slots > 0,
      ),
    );
    const clone = join(stage.folder, "agents/clone");
    mkdirSync(clone);
    cpSync(join(stage.folder, "agents/original/identity.json"), join(clone, "identity.json"));
    const second = await spawnPart("agent/src/main.ts", [], {
      logFile: join(stage.folder, "clone.log"),
      env: {
        LONGSHORE_URL: stage.url,
        LONGSHORE_AGENT_DATA: clone,
        LONGSHORE_AGENT_NAME: "original",
        LONGSHORE_RUNTIME: "docker",
        DOCKER_HOST: needs("docker") as string,
        LONGSHORE_RUNNER_IMAGE: needs("runnerImage") as string,
      },
    });
    const { code, output } = await ended(first);
    expect([code, output]).toEqual([
      78,
      expect.stringContaining("Another process polls with this agent's identity"),
    ]);
    expect(second.isRunning()).toBe(true);
    expect((await client.agents.list()).data.find(({ id }) => id === known.id)?.status).toBe("online");
    second.kill("SIGTERM");
    expect(await second.untilExit()).toBe(0);
  });
});

describe.skipIf(!hasRealParts)("an agent that is killed", () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await startStage("survival-adopt", realApi({}));
    await stage.deploy(stage.project({ "trigger/gated.ts": gated }));
  });
  afterAll(() => stage?.close());

  test("with twenty runs going adopts them all: none is repeated, no line is lost", {
    timeout: 420_000,
  }, async () => {
    const { client } = stage;
    const env = { LONGSHORE_SLOTS: "20", LONGSHORE_START_SECONDS: "120" };
    const agent = await stage.spawnAgent("many", "docker", env);
    const gate = await makeGate(stage);
    const ids = await Promise.all(
      Array.from({ length: 20 }, async () => (await client.tasks.trigger("gated", { gate })).id),
    );
    await until(
      "all twenty execute",
      async () =>
        (await Promise.all(ids.map((id) => statusOf(stage, id)))).every((status) => status === "EXECUTING"),
      { withinMs: 240_000, saw: agent.output },
    );
    agent.kill("SIGKILL");
    await agent.untilExit();
    const again = await stage.spawnAgent("many", "docker", env);
    await client.runs.cancel(gate);
    for (const id of ids) {
      const output = await outputOf(stage, id);
      expect(output).toMatchObject({ calls: 1, attempt: 1 });
      const said = (await stage.logsOf(id)).filter((line) => line.startsWith("tick "));
      expect(said).toEqual(Array.from({ length: output.ticks }, (_, at) => `tick ${at + 1} ${output.boot}`));
    }
    again.kill("SIGTERM");
    expect(await again.untilExit()).toBe(0);
  });
});
