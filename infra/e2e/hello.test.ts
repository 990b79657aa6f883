import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { needs } from "../src/testing/need.ts";
import { root } from "./stage/spawn-part.ts";
import { type Stage, startStage } from "./stage/start-stage.ts";
import { until } from "./stage/until.ts";

const hasDocker = Boolean(needs("docker") && needs("runnerImage"));
/** Longer than what is waited for inside the process. Units: seconds. */
const pauseSeconds = 6;

describe.each([
  { runtime: "process" as const, isHere: true },
  { runtime: "docker" as const, isHere: hasDocker },
])("the examples on an agent with one slot and the runtime $runtime", ({ runtime, isHere }) => {
  let stage: Stage;
  beforeAll(async () => {
    if (!isHere) return;
    stage = await startStage(`hello-${runtime}`);
    await stage.agent({ runtime, slots: 1 });
    await stage.deploy(join(root, "examples/hello-world"));
  });
  afterAll(() => stage?.close());
  const poll = (id: string) => stage.client.runs.poll(id, { pollIntervalMs: 100 });

  test.skipIf(!isHere)("hello-world completes, with its logs and its timeline", async () => {
    const { id } = await stage.client.tasks.trigger("hello-world", { name: "Ada" });
    const run = await poll(id);
    expect(run).toMatchObject({ status: "COMPLETED", output: { message: "Hello, Ada!" }, attemptCount: 1 });
    const { lines } = await stage.client.runs.logs(id);
    expect(lines.map(({ stream, message }) => [stream, message.trimEnd()])).toEqual([
      ["logger", "Greeting"],
      ["stdout", `console output of run ${id}`],
      ["logger", "Done"],
    ]);
    const { events, attempts, waits } = await stage.client.runs.timeline(id);
    expect(events.map(({ to }) => to)).toEqual(["queued", "leased", "executing", "completed"]);
    expect(attempts).toMatchObject([{ number: 1, status: "completed", agentName: "e2e" }]);
    expect(waits).toEqual([]);
  });

  test.skipIf(!isHere)("a flaky task is retried and completes", async () => {
    const { id } = await stage.client.tasks.trigger("flaky", {});
    expect(await poll(id)).toMatchObject({ status: "COMPLETED", output: { attempts: 2 }, attemptCount: 2 });
    const { attempts } = await stage.client.runs.timeline(id);
    expect(attempts.map(({ status }) => status)).toEqual(["failed", "completed"]);
    expect(attempts[0]?.error?.message).toContain("the first attempt always fails");
    expect(await stage.logsOf(id)).toContain("It worked");
  });

  test.skipIf(!isHere)("a parent waits for its child and for time without holding the one slot", async () => {
    const { client } = stage;
    const { id } = await client.tasks.trigger("parent-and-child", { name: "Grace", pauseSeconds });
    // The child needs the slot: that it ran is the proof that the waiting parent gave it away.
    const wait = await until("the pause", async () =>
      (await client.runs.timeline(id)).waits.find(
        ({ kind, status }) => kind === "time" && status === "pending",
      ),
    );
    expect((await client.runs.retrieve(id)).status).toBe("WAITING");
    expect((await client.runs.explain(id)).code).toBe("waiting_for_time");
    const [agent] = (await client.agents.list()).data;
    expect(agent).toMatchObject({ slots: 1, leased: 0, executing: 0, waiting: 1 });
    const tasks = (await client.tasks.list()).data;
    expect(tasks.map(({ running }) => running)).toEqual(tasks.map(() => 0));
    const beside = await client.tasks.trigger("hello-world", { name: "beside" });
    expect(await poll(beside.id)).toMatchObject({ status: "COMPLETED" });

    const run = await poll(id);
    expect(run).toMatchObject({
      status: "COMPLETED",
      output: { fromChild: "Hello, Grace!" },
      attemptCount: 1,
      relatedRuns: { children: [{ taskIdentifier: "hello-world", status: "COMPLETED" }] },
    });
    expect(run.finishedAt?.getTime()).toBeGreaterThanOrEqual(Date.parse(String(wait.dueAt)));
    const { events, waits } = await client.runs.timeline(id);
    const began = (await client.runs.timeline(beside.id)).events.find(({ to }) => to === "leased");
    expect(Date.parse(began?.at ?? ""), "the slot was free for another run").toBeLessThan(
      Date.parse(String(wait.dueAt)),
    );
    const states = events.map(({ to }) => to);
    expect(states.filter((state) => state === "waiting")).toHaveLength(2);
    expect(states.at(-1)).toBe("completed");
    expect(waits.map(({ kind, status }) => [kind, status])).toEqual([
      ["run", "completed"],
      ["time", "completed"],
    ]);
  });

  test.skipIf(!isHere)("a project written for Trigger.dev runs unmodified", async () => {
    const deployed = await stage.deploy(join(root, "examples/trigger-dev-project"));
    expect(deployed.tasks).toContain("legacy");
    const { id } = await stage.client.tasks.trigger("legacy", { to: "ada@example.com" });
    expect(await poll(id)).toMatchObject({
      status: "COMPLETED",
      output: { sentTo: "ada@example.com", attempt: 1 },
    });
    expect(await stage.logsOf(id)).toEqual(["Sending"]);
  });

  // The container adds nothing to this: calls and waits leave it as they leave a process.
  if (runtime === "process")
    test("its tasks wait for batches and manage their environment with their run's token", {
      timeout: 90_000,
    }, async () => {
      const { tasks } = stage.client;
      const items = [
        { sku: "tea", count: 2 },
        { sku: "nothing", count: 0 },
      ];
      const order = await tasks.trigger("order", { id: "1", to: "ada@example.com", items });
      expect(await poll(order.id)).toMatchObject({
        status: "COMPLETED",
        output: { cents: 600, box: "1 things in one box" },
      });
      const checkout = await tasks.trigger("checkout", { order: "1", item: items[0] });
      expect(await poll(checkout.id)).toMatchObject({ status: "COMPLETED", output: 2 });
      const keeper = await tasks.trigger("housekeeping", { retryFailed: false });
      expect(await poll(keeper.id)).toMatchObject({
        status: "COMPLETED",
        output: { outcomes: [], paused: [], hidden: 0, next: expect.any(String) },
      });
      const large = await tasks.trigger("pack", {
        skus: Array.from({ length: 60_000 }, (_, n) => `sku-${n}`),
      });
      expect(await poll(large.id)).toMatchObject({ status: "COMPLETED", output: "60000 things in one box" });
    });
});
