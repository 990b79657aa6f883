import type { WaitSpec } from "@longshore/shared/contract/agent-protocol";
import { afterEach, beforeEach, expect, test } from "vitest";
import { configure } from "./configure.ts";
import { WaitpointTimeoutError } from "./errors.ts";
import { installHost } from "./host.ts";
import { createFakeHost } from "./testing/fake-host.ts";
import { startHttpServer } from "./testing/http-server.fixture.ts";
import { wait } from "./wait.ts";

const closers: (() => Promise<void>)[] = [];
beforeEach(() => installHost(undefined));
afterEach(async () => {
  installHost(undefined);
  configure({});
  for (const close of closers.splice(0)) await close();
});

const inTask = (answers: Parameters<typeof createFakeHost>[0]) => {
  const host = createFakeHost({ waitInProcessMs: 1_000, ...answers });
  installHost(host);
  return host;
};

test("a wait with a key asks for its point, and waits only for what is left of it", async () => {
  const at = new Date(Date.now() + 60_000).toISOString();
  const host = inTask({ respond: () => Response.json({ waitUntil: at, waitpoint: { id: "waitpoint_k" } }) });
  const date = new Date(Date.now() + 3_600_000);
  await wait.until({ date, idempotencyKey: "k", idempotencyKeyTTL: "1d" });
  expect(host.requests[0]).toMatchObject({
    method: "POST",
    path: "/engine/v1/runs/run_parent/wait/duration",
    body: { date: date.toISOString(), idempotencyKey: "k", idempotencyKeyTTL: "1d" },
  });
  expect(host.waits).toEqual([[{ kind: "time", id: "waitpoint_k", at }]]);
});

test("a wait whose key is over already is not waited for again", async () => {
  const past = new Date(Date.now() - 1_000).toISOString();
  const host = inTask({
    respond: () => Response.json({ waitUntil: past, waitpoint: { id: "waitpoint_k" } }),
  });
  await wait.for({ hours: 1, idempotencyKey: "k" });
  expect(host.waits).toEqual([]);
});

test.each<[string, object, string]>([
  ["no unit", {}, "one unit"],
  ["two units", { hours: 1, minutes: 1 }, "one unit"],
  ["a negative time", { hours: -1 }, "one unit"],
  ["an unknown unit", { fortnights: 1 }, 'does not know the unit "fortnights"'],
])("wait.for refuses %s", async (_name, options, message) => {
  inTask({});
  await expect(wait.for(options as { hours: number })).rejects.toThrow(message);
});

test("a completed token gives its output, typed by how it was written", async () => {
  const complete = (specs: WaitSpec[]) => [
    {
      id: specs[0]?.kind === "token" ? specs[0].id : "",
      kind: "token" as const,
      ok: true,
      output: '{"approved":true}',
      outputType: "application/json" as const,
    },
  ];
  const host = inTask({ complete });
  expect(await wait.forToken({ id: "waitpoint_1" })).toEqual({ ok: true, output: { approved: true } });
  expect(await wait.forToken("waitpoint_1").unwrap()).toEqual({ approved: true });
  expect(host.waits[0]).toEqual([{ kind: "token", id: "waitpoint_1" }]);
});

test("a token that timed out is a result, and unwrap throws it", async () => {
  inTask({ complete: () => [{ id: "waitpoint_1", kind: "token", ok: false }] });
  const result = await wait.forToken("waitpoint_1");
  expect(result).toEqual({ ok: false, error: expect.any(WaitpointTimeoutError) });
  await expect(wait.forToken("waitpoint_1").unwrap()).rejects.toBeInstanceOf(WaitpointTimeoutError);
});

test("a token is waited for only in a task, and needs a name", async () => {
  await expect(wait.forToken("waitpoint_1")).rejects.toThrow("inside a task");
  inTask({});
  await expect(wait.forToken({ id: "" })).rejects.toThrow("named by its id");
});

const token = {
  id: "waitpoint_1",
  url: "http://x/callback",
  status: "COMPLETED",
  createdAt: "2026-01-01T00:00:00.000Z",
  timeoutAt: "2026-01-02T00:00:00.000Z",
  tags: ["a"],
};

test("tokens are made, completed, read and listed over the wire, from anywhere", async () => {
  const server = await startHttpServer(({ method, url }) => {
    if (url.endsWith("/complete")) return { status: 200, body: { success: true } };
    if (method === "POST") {
      const headers = { "x-trigger-jwt": "jwt" };
      return { status: 200, headers, body: { id: token.id, isCached: true, url: token.url } };
    }
    if (url.startsWith("/api/v1/waitpoints/tokens?"))
      return { status: 200, body: { data: [token], pagination: {} } };
    return {
      status: 200,
      body: { ...token, output: '{"n":1}', outputType: "application/json", outputIsError: false },
    };
  });
  closers.push(server.close);
  configure({ baseURL: server.url, secretKey: "tr_dev_x" });
  const timeout = new Date("2026-02-01");
  expect(await wait.createToken({ timeout, tags: ["a"], idempotencyKey: "k" })).toEqual({
    id: token.id,
    url: token.url,
    isCached: true,
    publicAccessToken: "jwt",
  });
  expect(JSON.parse(server.requests[0]?.body ?? "")).toEqual({
    timeout: timeout.toISOString(),
    tags: ["a"],
    idempotencyKey: "k",
  });
  expect(await wait.completeToken(token, { n: 1 })).toEqual({ success: true });
  expect(server.requests[1]).toMatchObject({ method: "POST", body: '{"data":{"n":1}}' });
  const { output: _, ...item } = await wait.retrieveToken<{ n: number }>(token.id);
  expect(_).toEqual({ n: 1 });
  expect(item).toEqual({
    ...token,
    createdAt: new Date(token.createdAt),
    timeoutAt: new Date(token.timeoutAt),
  });
  const listed = [];
  for await (const one of wait.listTokens({ status: "COMPLETED", tags: ["a", "b"], period: "1d" }))
    listed.push(one);
  expect(listed).toEqual([item]);
  const query = new URL(server.requests.at(-1)?.url ?? "", server.url).searchParams;
  expect(query.get("filter[tags]")).toBe("a,b");
  expect(query.get("filter[createdAt][period]")).toBe("1d");
});

test("a token that timed out has an error when it is read", async () => {
  inTask({ respond: () => Response.json({ ...token, status: "TIMED_OUT", outputIsError: true }) });
  expect((await wait.retrieveToken(token.id)).error).toBeInstanceOf(WaitpointTimeoutError);
});
