import { afterAll, beforeAll, expect, test } from "vitest";
import { type Stage, startStage } from "./stage/start-stage.ts";
import { until } from "./stage/until.ts";

const files = {
  "trigger/init.ts": `
import { tasks } from "@longshore/sdk";

tasks.onFailure("report", async ({ task, error }) => console.log("global: " + task + " " + (error as Error).name));
`,
  "trigger/tasks.ts": `
import { task } from "@longshore/sdk";

export const dies = task({
  id: "dies",
  finalise: true,
  retry: { maxAttempts: 1 },
  onFailure: async ({ payload, ctx, task }) =>
    console.log("own: " + [task, payload.text.length, ctx.run.id, ctx.attempt.number, ctx.task.id].join(" ")),
  run: async (payload: { text: string; forMs?: number }) => {
    if (payload.forMs === undefined) process.kill(process.pid, "SIGKILL");
    await new Promise((resolve) => setTimeout(resolve, payload.forMs));
  },
});
`,
};

let stage: Stage;
beforeAll(async () => {
  stage = await startStage("finaliser");
  await stage.agent({ runtime: "process", slots: 1 });
  await stage.deploy(stage.project(files));
}, 60_000);
afterAll(() => stage?.close());

/** The finaliser's run, once it is over, and how long after the end it was there. */
const finaliserOf = async (runId: string) => {
  const child = await until("the finaliser's run", async () => {
    const { relatedRuns } = await stage.client.runs.retrieve(runId);
    return relatedRuns.children?.[0];
  });
  return stage.client.runs.poll(child.id, { pollIntervalMs: 50 });
};

test("onFailure of a killed process is called in a run of its own, by the log of that run", async () => {
  const { id } = await stage.client.tasks.trigger("dies", { text: "abc" });
  const run = await stage.client.runs.poll(id, { pollIntervalMs: 50 });
  expect(run.status).toBe("CRASHED");
  const finaliser = await finaliserOf(id);
  expect(finaliser).toMatchObject({
    taskIdentifier: "dies/finaliser",
    status: "COMPLETED",
    relatedRuns: { parent: { id } },
  });
  expect(await stage.logsOf(finaliser.id)).toEqual([
    expect.stringMatching(/^global: dies TASK_PROCESS_/),
    `own: dies 3 ${id} 1 dies`,
  ]);
  const msAfter = finaliser.createdAt.getTime() - (run.finishedAt?.getTime() ?? 0);
  expect(msAfter).toBeLessThan(5_000);
}, 30_000);

test("a payload that is stored apart reaches it too", async () => {
  const { id } = await stage.client.tasks.trigger("dies", { text: "x".repeat(700_000) });
  const finaliser = await finaliserOf(id);
  expect(await stage.logsOf(finaliser.id)).toContain(`own: dies 700000 ${id} 1 dies`);
}, 30_000);

test("one that was cancelled in the queue is told as soon as there is a slot", async () => {
  const { client } = stage;
  const busy = await client.tasks.trigger("dies", { text: "", forMs: 1_000 });
  const { id } = await client.tasks.trigger("dies", { text: "ab", forMs: 1 });
  await client.runs.cancel(id);
  const finaliser = await finaliserOf(id);
  expect(await stage.logsOf(finaliser.id)).toContain(`own: dies 2 ${id} 0 dies`);
  expect((await client.runs.poll(busy.id, { pollIntervalMs: 50 })).status).toBe("COMPLETED");
  expect((await client.runs.retrieve(busy.id)).relatedRuns.children ?? []).toEqual([]);
  expect((await client.tasks.list()).data.map((task) => task.id)).toEqual(["dies"]);
}, 30_000);
