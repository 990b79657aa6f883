import type { Agent } from "@longshore/agent/agent";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { connectDocker } from "../src/services/connect-docker.ts";
import { needs } from "../src/testing/need.ts";
import { hasRealParts, realApi } from "./stage/real-api.ts";
import { type Stage, startStage } from "./stage/start-stage.ts";
import { until } from "./stage/until.ts";

/** How runs can end badly, and how they hold up their own process. Every one of them says "up" first. */
const tasks = `
import { setTimeout as sleep } from "node:timers/promises";
import { task } from "@longshore/sdk";
const once = { retry: { maxAttempts: 1 } };
const up = () => console.log("up");
const busy = (ms: number) => { for (const end = Date.now() + ms; Date.now() < end; ) Math.sqrt(Math.random()); };
export const eats = task({ id: "eats", ...once, machine: "micro", run: async () => {
  up();
  const all: Buffer[] = [];
  for (;;) { all.push(Buffer.alloc(16 * 1024 * 1024, 1)); await sleep(1); }
} });
export const segfaults = task({ id: "segfaults", ...once, run: async () => { up(); process.kill(process.pid, "SIGSEGV"); await sleep(60_000); } });
export const exits = task({ id: "exits", ...once, run: async (payload: { code: number }) => { up(); process.exit(payload.code); } });
export const deaf = task({ id: "deaf", ...once, maxDuration: 5, run: async () => {
  process.on("SIGTERM", () => console.log("heard SIGTERM"));
  up();
  for (let i = 0; ; i++) { await sleep(100); if (i % 10 === 0) console.log("line " + i); }
} });
export const listens = task({ id: "listens", ...once, run: async (_: unknown, { signal }) => {
  up();
  await new Promise((done) => signal.addEventListener("abort", done));
  console.log("last words");
} });
export const stubborn = task({ id: "stubborn", ...once, run: async () => { up(); for (;;) { busy(500); } } });
export const blocks = task({ id: "blocks", ...once, run: async (payload: { ms: number }) => { up(); busy(payload.ms); return "through"; } });
`;
type Task = "eats" | "segfaults" | "exits" | "deaf" | "listens" | "stubborn" | "blocks";

describe.skipIf(!hasRealParts)("how runs end in containers", () => {
  const docker = connectDocker(needs("docker"));
  let stage: Stage;
  let agent: Agent;
  beforeAll(async () => {
    stage = await startStage("survival-ends", realApi());
    await stage.deploy(stage.project({ "trigger/tasks.ts": tasks }));
    agent = await stage.agent({ name: "ends", runtime: "docker", slots: 6, startS: 90 });
  }, 90_000);
  afterAll(() => stage?.close());

  const trigger = async (task: Task, payload: unknown = {}) =>
    (await stage.client.tasks.trigger(task, payload)).id;
  const end = (id: string) => stage.client.runs.poll(id, { pollIntervalMs: 150 });
  const isUp = (id: string) =>
    until(`${id} is up`, async () => (await stage.logsOf(id)).includes("up"), { withinMs: 60_000 });
  const executedMs = async (id: string) => {
    const { attempts } = await stage.client.runs.timeline(id);
    const [first] = attempts;
    return Date.parse(String(first?.finishedAt)) - Date.parse(String(first?.startedAt));
  };

  test.concurrent.each([
    { task: "eats" as Task, payload: {}, status: "CRASHED", says: "needed more memory than its machine has" },
    { task: "segfaults" as Task, payload: {}, status: "CRASHED", says: "segmentation fault" },
    {
      task: "exits" as Task,
      payload: { code: 3 },
      status: "CRASHED",
      says: "exited with code 3",
    },
    { task: "exits" as Task, payload: { code: 0 }, status: "CRASHED", says: "exited with code 0" },
  ])(
    "$task $payload: $status, with what it said before",
    { timeout: 90_000 },
    async ({ task, payload, status, says }) => {
      const id = await trigger(task, payload);
      const run = await end(id);
      expect(run).toMatchObject({ status, attemptCount: 1 });
      expect(JSON.stringify("error" in run ? run.error : null)).toContain(says);
      expect(await stage.logsOf(id)).toEqual(["up"]);
    },
  );

  test.concurrent("a run beyond its time that ignores SIGTERM is ended within bounds, its log kept to the end", {
    timeout: 90_000,
  }, async () => {
    const id = await trigger("deaf");
    expect(await end(id)).toMatchObject({ status: "TIMED_OUT" });
    const lines = await stage.logsOf(id);
    expect(lines[0]).toBe("up");
    expect(lines).toContain("heard SIGTERM");
    expect(lines.filter((line) => line.startsWith("line ")).length).toBeGreaterThanOrEqual(4);
    // Five seconds of its own, three of grace, and what a busy machine adds.
    expect(await executedMs(id)).toBeLessThan(20_000);
  });

  test.concurrent("a cancel is heard by a run that listens, and forced on one that does not", {
    timeout: 90_000,
  }, async () => {
    const [kind, deaf] = await Promise.all([trigger("listens"), trigger("stubborn")]);
    await Promise.all([isUp(kind), isUp(deaf)]);
    await Promise.all([stage.client.runs.cancel(kind), stage.client.runs.cancel(deaf)]);
    expect(await end(kind)).toMatchObject({ status: "CANCELED" });
    expect(await end(deaf)).toMatchObject({ status: "CANCELED" });
    expect(await stage.logsOf(kind)).toEqual(["up", "last words"]);
    expect(await stage.logsOf(deaf)).toEqual(["up"]);
  });

  test.concurrent("runs that keep every processor busy for longer than a lease lose none", {
    timeout: 120_000,
  }, async () => {
    // More of them than there are processors, each blocking its event loop: the host is at 100 %.
    const ids = await Promise.all([1, 2, 3, 4].map(() => trigger("blocks", { ms: 12_000 })));
    for (const id of ids) {
      expect(await end(id)).toMatchObject({ status: "COMPLETED", output: "through", attemptCount: 1 });
    }
  });

  test("nothing is left of any of them", { timeout: 30_000 }, async () => {
    const { data } = await stage.client.agents.list();
    const label = `dev.longshore.agent=${data.find(({ name }) => name === "ends")?.id}`;
    const left = () => docker.listContainers({ all: true, filters: { label: [label] } });
    // What is kept ready for more goes with the agent.
    await agent.stop();
    await until("no container is left", async () => (await left()).length === 0, { saw: left });
    expect(data.map(({ executing, leased }) => executing + leased)).toEqual([0]);
  });
});
