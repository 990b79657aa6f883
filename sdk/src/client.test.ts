import { afterEach, expect, test } from "vitest";
import { createClient } from "./client.ts";
import { startHttpServer } from "./testing/http-server.fixture.ts";

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

const at = "2026-01-01T00:00:00.000Z";
const runOnWire = (status: string, more: object = {}) => ({
  id: "run_1",
  taskIdentifier: "t",
  status,
  isQueued: status === "QUEUED",
  isExecuting: false,
  isWaiting: false,
  isCompleted: status === "COMPLETED",
  isSuccess: status === "COMPLETED",
  isFailed: false,
  isCancelled: false,
  isTest: false,
  createdAt: at,
  updatedAt: at,
  tags: [],
  costInCents: 0,
  baseCostInCents: 0,
  durationMs: 0,
  depth: 0,
  triggerFunction: "trigger",
  relatedRuns: {},
  attemptCount: 1,
  ...more,
});

const serve = async (bodies: Record<string, unknown[]>) => {
  const server = await startHttpServer((seen) => {
    const answers = bodies[`${seen.method} ${seen.url}`];
    const body = answers && answers.length > 1 ? answers.shift() : answers?.[0];
    return body ? { status: 200, body } : { status: 404, body: { error: `no ${seen.method} ${seen.url}` } };
  });
  closers.push(server.close);
  return { server, client: createClient({ baseURL: server.url, accessToken: () => "token" }) };
};

test("poll asks until the run is over, and dates are dates", async () => {
  const done = runOnWire("COMPLETED", { finishedAt: at, output: { n: 1 } });
  const { client, server } = await serve({ "GET /api/v3/runs/run_1": [runOnWire("QUEUED"), done] });
  const run = await client.runs.poll({ id: "run_1" }, { pollIntervalMs: 1 });
  expect(run.createdAt).toEqual(new Date(at));
  expect(run).toMatchObject({ status: "COMPLETED", output: { n: 1 } });
  expect(server.requests).toHaveLength(2);
  expect(server.requests[0]?.headers.authorization).toBe("Bearer token");
});

test("the dashboard's nouns reach their endpoints", async () => {
  const { client } = await serve({
    "GET /api/v1/runs/run_1/logs?after=5&limit=10": [{ lines: [], next: "5" }],
    "GET /api/v1/runs/run_1/events": [{ events: [], attempts: [], waits: [] }],
    "GET /api/v1/tasks": [{ data: [] }],
    "GET /api/v1/agents": [{ data: [] }],
    "GET /api/v1/deployments": [{ data: [], pagination: {} }],
    "POST /api/v2/runs/run_1/cancel": [{ id: "run_1" }],
  });
  expect(await client.runs.logs("run_1", { after: "5", limit: 10 })).toEqual({ lines: [], next: "5" });
  expect((await client.runs.timeline("run_1")).attempts).toEqual([]);
  expect(await client.tasks.list()).toEqual({ data: [] });
  expect(await client.agents.list()).toEqual({ data: [] });
  expect((await client.deployments.list()).data).toEqual([]);
  expect(await client.runs.cancel("run_1")).toEqual({ id: "run_1" });
});

test("filters of a list are sent as the contract names them", async () => {
  const { client, server } = await serve({});
  await client.runs
    .list({ status: ["FAILED", "CRASHED"], taskIdentifier: "t", from: new Date(5), limit: 10 })
    .catch(() => undefined);
  const query = new URL(server.requests[0]?.url ?? "", "http://x").searchParams;
  expect(Object.fromEntries(query)).toEqual({
    "page[size]": "10",
    "filter[status]": "FAILED,CRASHED",
    "filter[taskIdentifier]": "t",
    "filter[createdAt][from]": "5",
  });
});
