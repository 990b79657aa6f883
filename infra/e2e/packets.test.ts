import { afterAll, beforeAll, expect, test } from "vitest";
import { type Stage, startStage } from "./stage/start-stage.ts";

const tasks = `
import { task } from "@longshore/sdk";

export const echo = task({ id: "echo", run: async (payload: { text: string }) => ({ length: payload.text.length, text: payload.text }) });
export const parent = task({
  id: "parent",
  run: async (payload: { text: string }) => {
    const child = await echo.triggerAndWait(payload).unwrap();
    return { length: child.text.length };
  },
});
`;

let stage: Stage;
beforeAll(async () => {
  stage = await startStage("packets");
  await stage.agent({ runtime: "process", slots: 1 });
  await stage.deploy(stage.project({ "trigger/tasks.ts": tasks }));
}, 60_000);
afterAll(() => stage?.close());

const headers = () => ({ authorization: `Bearer ${stage.apiKey}`, "content-type": "application/json" });

test("a task sees a stored payload as a plain one, and its large output is fetched apart", async () => {
  const text = "x".repeat(4 * 1024 * 1024);
  const path = encodeURIComponent("trigger/packet_e2e/payload.json");
  const asked = await fetch(`${stage.url}/api/v2/packets/${path}`, { method: "PUT", headers: headers() });
  const { presignedUrl, storagePath } = (await asked.json()) as { presignedUrl: string; storagePath: string };
  const body = JSON.stringify({ json: { text } });
  const type = { "content-type": "application/super+json" };
  expect((await fetch(presignedUrl, { method: "PUT", headers: type, body })).status).toBe(200);
  const triggered = await fetch(`${stage.url}/api/v1/tasks/echo/trigger`, {
    method: "POST",
    headers: headers(),
    body: JSON.stringify({ payload: storagePath, options: { payloadType: "application/store" } }),
  });
  const { id } = (await triggered.json()) as { id: string };
  const run = await stage.client.runs.poll(id, { pollIntervalMs: 100 });
  if (run.status !== "COMPLETED") throw new Error(JSON.stringify(run).slice(0, 500));
  const output = await (await fetch(run.outputPresignedUrl ?? "")).json();
  expect((output as { json: { length: number } }).json.length).toBe(text.length);
}, 60_000);

test("a parent receives a large output of its child", async () => {
  const { id } = await stage.client.tasks.trigger("parent", { text: "ä".repeat(600_000) });
  const run = await stage.client.runs.poll(id, { pollIntervalMs: 100 });
  expect(run).toMatchObject({ status: "COMPLETED", output: { length: 600_000 } });
}, 60_000);
