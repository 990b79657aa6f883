import { afterEach, expect, test } from "vitest";
import { AbortTaskRunError } from "./errors.ts";
import { retry } from "./retry.ts";
import { type Answer, startHttpServer } from "./testing/http-server.fixture.ts";

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});
const quick = { minTimeoutInMs: 1, maxTimeoutInMs: 2 };

const serve = async (answer: (count: number) => Answer) => {
  const server = await startHttpServer((_, count) => answer(count));
  closers.push(server.close);
  return server;
};

test("onThrow tries again until it holds, and gives the last error up", async () => {
  const attempts: number[] = [];
  const work = async ({ attempt }: { attempt: number }) => {
    attempts.push(attempt);
    if (attempt < 3) throw new Error(`failed ${attempt}`);
    return "held";
  };
  expect(await retry.onThrow(work, quick)).toBe("held");
  expect(attempts).toEqual([1, 2, 3]);
  await expect(retry.onThrow(work, { ...quick, maxAttempts: 2 })).rejects.toThrow("failed 2");
});

test("an abort is not tried again", async () => {
  let count = 0;
  const work = async () => {
    count += 1;
    throw new AbortTaskRunError("stop");
  };
  await expect(retry.onThrow(work, quick)).rejects.toThrow("stop");
  expect(count).toBe(1);
});

test("fetch tries again on the given statuses and on lost connections", async () => {
  const server = await serve((count) =>
    count === 1 ? "drop" : { status: count === 2 ? 503 : 200, body: {} },
  );
  const response = await retry.fetch(server.url, {
    retry: { byStatus: { "500-599": { strategy: "backoff", ...quick } }, connectionError: quick },
  });
  expect(response.status).toBe(200);
  expect(server.requests).toHaveLength(3);
});

test("fetch waits as long as a header says", async () => {
  const server = await serve((count) =>
    count === 1
      ? { status: 429, headers: { "x-reset": String(Date.now() + 5) }, body: {} }
      : { status: 200, body: {} },
  );
  const byStatus = {
    "4xx": { strategy: "headers", resetHeader: "x-reset", resetFormat: "unix_timestamp_in_ms" },
  } as const;
  expect((await retry.fetch(server.url, { retry: { byStatus } })).status).toBe(200);
});

test("fetch answers the last response when no attempt is left", async () => {
  const server = await serve(() => ({ status: 500, body: {} }));
  const byStatus = { "5xx": { strategy: "backoff", ...quick, maxAttempts: 2 } } as const;
  expect((await retry.fetch(server.url, { retry: { byStatus } })).status).toBe(500);
  expect(server.requests).toHaveLength(2);
});

test("fetch reads a pause that is a duration, and tries again after one that takes too long", async () => {
  const server = await serve((count) => {
    const reset = { status: 429, headers: { "x-reset": "0m0.005s" }, body: {} };
    return count === 1 ? "silence" : count === 2 ? reset : { status: 200, body: {} };
  });
  const byStatus = {
    "429": { strategy: "headers", resetHeader: "x-reset", resetFormat: "iso_8601_duration_openai_variant" },
  } as const;
  const response = await retry.fetch(server.url, { timeoutInMs: 100, retry: { byStatus, timeout: quick } });
  expect(response.status).toBe(200);
  expect(server.requests).toHaveLength(3);
});

test("a try that takes too long is the caller's error when no try is left", async () => {
  const server = await serve(() => "silence");
  const given = { timeoutInMs: 30, retry: { timeout: { ...quick, maxAttempts: 2 } } };
  await expect(retry.fetch(server.url, given)).rejects.toThrow("No answer in 30 ms");
  expect(server.requests).toHaveLength(2);
});
