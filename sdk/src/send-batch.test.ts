import { afterEach, expect, test } from "vitest";
import { createClient } from "./client.ts";
import { type Answer, type Seen, startHttpServer } from "./testing/http-server.fixture.ts";

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

/** An API that makes one batch; `items` answers the requests that bring its items, in turn. */
const serve = async (items: ((seen: Seen) => Answer)[]) => {
  const bodies: string[] = [];
  const server = await startHttpServer((seen) => {
    if (seen.url === "/api/v3/batches") {
      return { status: 202, body: { id: "batch_1", isCached: false, runCount: 2 } };
    }
    bodies.push(seen.body);
    return (items.shift() ?? (() => ({ status: 200, body: sealed })))(seen);
  });
  closers.push(server.close);
  const retry = { minTimeoutInMs: 1, maxTimeoutInMs: 1 };
  const client = createClient({ baseURL: server.url, accessToken: "key", retry });
  const send = () =>
    client.batch.trigger(
      [
        { id: "a", payload: 1 },
        { id: "b", payload: "two" },
      ],
      {},
      { retry },
    );
  return { server, bodies, send };
};

const sealed = { id: "batch_1", itemsAccepted: 2, itemsDeduplicated: 0, sealed: true };
const open = { ...sealed, itemsAccepted: 1, sealed: false, enqueuedCount: 1, expectedCount: 2 };

test("items are lines of JSON, each with its place", async () => {
  const { server, bodies, send } = await serve([]);
  expect(await send()).toMatchObject({ batchId: "batch_1", runCount: 2 });
  expect(JSON.parse(server.requests[0]?.body ?? "")).toEqual({ runCount: 2, taskIdentifiers: ["a", "b"] });
  expect(server.requests[1]?.headers["content-type"]).toBe("application/x-ndjson");
  expect(
    bodies[0]
      ?.trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line)),
  ).toEqual([
    { index: 0, task: "a", payload: '{"json":1}', options: { payloadType: "application/super+json" } },
    { index: 1, task: "b", payload: "two", options: { payloadType: "text/plain" } },
  ]);
});

test("items that did not all arrive are sent again, and so is a request that failed", async () => {
  const { bodies, send } = await serve([
    () => "drop",
    () => ({ status: 500, body: { error: "broken" } }),
    () => ({ status: 200, body: open }),
  ]);
  await send();
  expect(bodies).toHaveLength(4);
  expect(new Set(bodies).size).toBe(1);
});

test("a batch that never becomes whole is an error that says how far it came", async () => {
  const { bodies, send } = await serve(Array.from({ length: 9 }, () => () => ({ status: 200, body: open })));
  const error = await send().catch((reason: unknown) => reason);
  expect(error).toMatchObject({
    name: "BatchTriggerError",
    phase: "stream",
    batchId: "batch_1",
    itemCount: 2,
  });
  expect(String(error)).toContain("the server has 1 of 2 items after 5 passes");
  expect(bodies).toHaveLength(5);
});

test("an answer that is final is not asked for again", async () => {
  const { bodies, send } = await serve([() => ({ status: 422, body: { error: "given up" } })]);
  await expect(send()).rejects.toMatchObject({
    phase: "stream",
    apiError: { status: 422, message: "given up" },
  });
  expect(bodies).toHaveLength(1);
});

test("a rate limit says when to come again, in seconds where that is all it says", async () => {
  const { bodies, send } = await serve([
    () => ({ status: 429, headers: { "retry-after": "0.05" }, body: { error: "slow down" } }),
  ]);
  const beganMs = performance.now();
  await send();
  expect(performance.now() - beganMs).toBeGreaterThan(45);
  expect(bodies).toHaveLength(2);
});
