import type { Clock } from "@longshore/shared/core/clock";
import { afterEach, expect, test } from "vitest";
import { type Answer, type Seen, startHttpServer } from "../testing/http-server.fixture.ts";
import { createApi } from "./api.ts";
import {
  ApiConnectionError,
  ApiSchemaValidationError,
  BadRequestError,
  NotFoundError,
  PermissionDeniedError,
  RateLimitError,
  UnprocessableEntityError,
} from "./api-error.ts";
import { listPages } from "./pages.ts";
import { fetchTransport } from "./transport.ts";

const nowMs = 1_800_000_000_000;
const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

const anything = { parse: (value: unknown) => value };

const setUp = async (answer: (seen: Seen, count: number) => Answer) => {
  const server = await startHttpServer(answer);
  closers.push(server.close);
  const slept: number[] = [];
  const clock: Clock = {
    now: () => nowMs,
    monotonic: () => 0,
    sleep: async (ms) => {
      slept.push(ms);
    },
  };
  const transport = fetchTransport({ baseURL: `${server.url}/`, accessToken: "tr_dev_sk_test" });
  const api = createApi({ transport: () => transport, clock, random: () => 0.5 });
  return { api, server, slept };
};

const rejection = (promise: Promise<unknown>) =>
  promise.then(
    () => expect.fail("it must reject"),
    (error: unknown) => error,
  );

test("a request carries the contract's headers and its credential", async () => {
  const { api, server } = await setUp(() => ({ status: 200, body: {} }));
  await api.request(anything, "GET", "/api/v1/runs", { query: { a: ["x", "y"], b: undefined, c: 1 } });
  expect(server.requests[0]?.url).toBe("/api/v1/runs?a=x%2Cy&c=1");
  expect(server.requests[0]?.headers).toMatchObject({
    authorization: "Bearer tr_dev_sk_test",
    "content-type": "application/json",
    "x-trigger-api-version": "2025-07-16",
    "x-trigger-source": "sdk",
    "x-trigger-realtime-streams-version": "v2",
    "trigger-version": expect.any(String),
  });
});

test("retries keep the idempotency key of the call and back off by 1.6", async () => {
  const { api, server, slept } = await setUp((_, count) =>
    count < 4 ? { status: 503, body: { error: "busy" } } : { status: 200, body: { fine: true } },
  );
  expect(await api.request(anything, "POST", "/x", { body: { a: 1 } })).toEqual({ fine: true });
  expect(slept).toEqual([1_000, 1_600, 2_560]);
  const keys = new Set(server.requests.map((seen) => seen.headers["x-trigger-request-idempotency-key"]));
  expect(keys.size).toBe(1);
  expect(server.requests.map((seen) => seen.body)).toEqual(Array(4).fill('{"a":1}'));
});

test("a cut connection is retried, and named when no attempt is left", async () => {
  const { api, server } = await setUp(() => "drop");
  const error = await rejection(api.request(anything, "GET", "/x"));
  expect(error).toBeInstanceOf(ApiConnectionError);
  expect(String(error)).toContain("no answer from the API to GET /x");
  expect(server.requests).toHaveLength(5);
});

test("a rate limit is waited out until its reset", async () => {
  const { api, slept } = await setUp((_, count) =>
    count === 1
      ? { status: 429, headers: { "x-ratelimit-reset": String(nowMs + 7_000) }, body: {} }
      : { status: 200, body: {} },
  );
  await api.request(anything, "GET", "/x");
  expect(slept).toEqual([7_500]);
});

test.each([408, 409, 429, 500, 502])("status %i is retried", async (status) => {
  const { api, server } = await setUp((_, count) => ({ status: count === 1 ? status : 200, body: {} }));
  await api.request(anything, "GET", "/x");
  expect(server.requests).toHaveLength(2);
});

test.each([
  [400, BadRequestError],
  [403, PermissionDeniedError],
  [404, NotFoundError],
  [422, UnprocessableEntityError],
])("status %i is final", async (status, errorClass) => {
  const { api, server } = await setUp(() => ({ status, body: { error: "no", code: "why" } }));
  const error = await rejection(api.request(anything, "GET", "/x"));
  expect(error).toBeInstanceOf(errorClass);
  expect(error).toMatchObject({ name: "TriggerApiError", status, message: "no", code: "why" });
  expect(server.requests).toHaveLength(1);
});

test("x-should-retry overrules the status", async () => {
  const stop = await setUp(() => ({ status: 500, headers: { "x-should-retry": "false" }, body: {} }));
  await rejection(stop.api.request(anything, "GET", "/x"));
  expect(stop.server.requests).toHaveLength(1);
  const go = await setUp((_, count) =>
    count === 1
      ? { status: 404, headers: { "x-should-retry": "true" }, body: {} }
      : { status: 200, body: {} },
  );
  await go.api.request(anything, "GET", "/x");
  expect(go.server.requests).toHaveLength(2);
});

test("an answer that cannot be read is asked for again, then named", async () => {
  const { api, server } = await setUp(() => ({ status: 200, body: "<html>" }));
  expect(await rejection(api.request(anything, "GET", "/x"))).toBeInstanceOf(ApiSchemaValidationError);
  expect(server.requests).toHaveLength(5);
});

test.each([
  [{ error: { message: "from the object" } }, "from the object"],
  [{ error: { odd: 1 } }, '{"odd":1}'],
  ["plain text", "422 plain text"],
  ["", "422 status code (no body)"],
])("the message of %j is %s", async (body, message) => {
  const { api } = await setUp(() => ({ status: 422, body }));
  expect(await rejection(api.request(anything, "GET", "/x"))).toMatchObject({ message });
});

test("an aborted call ends with the signal's reason and is not retried", async () => {
  const abort = new AbortController();
  const { api, server } = await setUp(() => {
    abort.abort(new Error("enough"));
    return { status: 503, body: {} };
  });
  const error = await rejection(api.request(anything, "GET", "/x", { signal: abort.signal }));
  expect(String(error)).not.toContain("no answer");
  expect(server.requests).toHaveLength(1);
});

test("a rate limit error says how long until its reset", () => {
  const error = new RateLimitError(429, "slow", { "x-ratelimit-reset": String(Date.now() + 60_000) });
  expect(error.millisecondsUntilReset).toBeGreaterThan(50_000);
});

test("a list goes on by cursor until no next page is named", async () => {
  const { api, server } = await setUp((seen) => {
    const after = new URL(seen.url, "http://x").searchParams.get("page[after]");
    return after === null
      ? { status: 200, body: { data: [1, 2], pagination: { next: "two" } } }
      : { status: 200, body: { data: [3], pagination: {} } };
  });
  const list = () => listPages(api, "/list", { "page[size]": 2 }, Number);
  const seen: number[] = [];
  for await (const item of list()) seen.push(item);
  expect(seen).toEqual([1, 2, 3]);
  expect(server.requests.map((request) => decodeURIComponent(request.url))).toEqual([
    "/list?page[size]=2",
    "/list?page[size]=2&page[after]=two",
  ]);
  const page = await list();
  expect(page.data).toEqual([1, 2]);
  expect((await page.getNextPage()).hasNextPage()).toBe(false);
});
