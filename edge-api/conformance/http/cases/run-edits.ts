import { randomUUID } from "node:crypto";
import { RunResult } from "@longshore/shared/contract/batches";
import { RunMetadata } from "@longshore/shared/contract/run-edits";
import { describe, expect, test } from "vitest";
import { call, expectError, FakeAgent, retrieve, trigger } from "../client.ts";
import type { Platform } from "../platforms.ts";

/** What may be changed about a run, and its result. */
export const runEditCases = (platform: () => Platform) =>
  describe("edits of a run", () => {
    const send = (method: string, path: string, json?: unknown, token = platform().apiKey) =>
      call(platform(), method, path, { token, ...(json === undefined ? {} : { json }) });
    const delayed = (options: object = {}) => trigger(platform(), "hello", { delay: "1h", ...options });
    const put = (id: string, json: object) => send("PUT", `/api/v1/runs/${id}/metadata`, json);
    const metadata = async (id: string) =>
      RunMetadata.parse((await send("GET", `/api/v1/runs/${id}/metadata`)).json).metadata;

    test("tags are added once each, ten in all", async () => {
      const id = await delayed({ tags: ["a"] });
      const path = `/api/v1/runs/${id}/tags`;
      expect((await send("POST", path, { tags: ["b", "a", "b"] })).status).toBe(200);
      expect((await send("POST", path, { tags: "c" })).json).toMatchObject({ message: expect.any(String) });
      expect((await retrieve(platform(), id)).tags).toEqual(["a", "b", "c"]);
      const eight = Array.from({ length: 8 }, (_, i) => `t${i}`);
      expectError(await send("POST", path, { tags: eight }), 422);
      expect((await retrieve(platform(), id)).tags).toHaveLength(3);
      expect((await send("POST", path, { tags: eight.slice(1) })).status).toBe(200);
      expectError(await send("POST", path, { tags: ["x".repeat(129)] }), 400);
      expectError(await send("POST", "/api/v1/runs/run_none/tags", { tags: ["a"] }), 404);
    });

    test("metadata is replaced, changed by operations and paths, and read again", async () => {
      const id = await delayed({ metadata: { a: 1 } });
      expect(await metadata(id)).toEqual({ a: 1 });
      const answer = await put(id, {
        operations: [
          { type: "set", key: "$.x.y", value: [1] },
          { type: "append", key: "$.x.y", value: 2 },
          { type: "remove", key: "$.x.y", value: 1 },
          { type: "increment", key: "a", value: 1.5 },
          { type: "delete", key: "none" },
        ],
      });
      expect(answer.json).toEqual({ metadata: { a: 2.5, x: { y: [2] } } });
      expect((await retrieve(platform(), id)).metadata).toEqual({ a: 2.5, x: { y: [2] } });
      await put(id, { metadata: { fresh: true }, operations: [{ type: "set", key: "b", value: "\0" }] });
      expect(await metadata(id)).toEqual({ fresh: true, b: "\ufffd" });
    });

    test("twenty increments at once count twenty", async () => {
      const id = await delayed();
      const json = { operations: [{ type: "increment", key: "n", value: 1 }] };
      const answers = await Promise.all(Array.from({ length: 20 }, () => put(id, json)));
      expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(200));
      expect(await metadata(id)).toEqual({ n: 20 });
    });

    test("a child changes the metadata of its parent and its root", async () => {
      const p = platform();
      const agent = await FakeAgent.enrol(p);
      const parent = await agent.execute("hello");
      const id = await delayed({ parentRunId: parent.runId });
      const operation = (key: string) => [{ type: "append", key, value: 1 }];
      const json = {
        operations: operation("own"),
        parentOperations: operation("p"),
        rootOperations: operation("r"),
      };
      expect((await put(id, json)).json).toEqual({ metadata: { own: [1] } });
      expect(await metadata(parent.runId)).toEqual({ p: [1], r: [1] });
      await put(parent.runId, { parentOperations: operation("p") });
      expect(await metadata(parent.runId)).toEqual({ p: [1, 1], r: [1] });
      await agent.complete(parent);
    });

    test.each([
      [
        "a key behind a plain object",
        { operations: [{ type: "set", key: "__proto__", value: 1 }] },
        400,
        "__proto__",
      ],
      [
        "a path behind one",
        { operations: [{ type: "set", key: "$.a.constructor.b", value: 1 }] },
        400,
        "constructor",
      ],
      ["a path that is none", { rootOperations: [{ type: "set", key: "$.a[", value: 1 }] }, 400, "$.a["],
      ["an increment by a text", { operations: [{ type: "increment", key: "a", value: "1" }] }, 400, "value"],
      ["an unknown operation", { operations: [{ type: "multiply", key: "a", value: 1 }] }, 400, "type"],
      [
        "an increment past the largest number",
        { operations: [1.5e308, 1.5e308].map((value) => ({ type: "increment", key: "huge", value })) },
        422,
        "huge",
      ],
      ["metadata that is a list", { metadata: [1] }, 400, "metadata"],
      ["metadata over 256 KB", { metadata: { a: "x".repeat(270_000) } }, 413, "metadata"],
      [
        "what grows over it",
        { operations: [{ type: "set", key: "a", value: "x".repeat(270_000) }] },
        413,
        "metadata",
      ],
    ])("4xx for %s, and nothing is changed", async (_name, json, status, word) => {
      const id = await delayed({ metadata: { a: 1 } });
      expect(expectError(await put(id, json), status).error).toContain(word);
      expect(await metadata(id)).toEqual({ a: 1 });
    });

    test.each([
      ["metadata.a.b", '{"metadata":{"a":{"b":1e400}}}'],
      ["operations.0.value", '{"operations":[{"type":"set","key":"a","value":-1e400}]}'],
      [
        "operations.1.value.x",
        '{"operations":[{"type":"delete","key":"a"},{"type":"update","key":"a","value":{"x":1e400}}]}',
      ],
      ["operations.0.value.0", '{"operations":[{"type":"append","key":"a","value":[1e400]}]}'],
      ["operations.0.value", '{"operations":[{"type":"remove","key":"a","value":1e400}]}'],
      ["operations.0.value", '{"operations":[{"type":"increment","key":"a","value":1e400}]}'],
      ["parentOperations.0.value", '{"parentOperations":[{"type":"set","key":"a","value":1e400}]}'],
    ])("4xx for a number that no double holds, naming %s: %s", async (field, body) => {
      const id = await delayed({ metadata: { a: [null, 1] } });
      const headers = { "content-type": "application/json" };
      const path = `/api/v1/runs/${id}/metadata`;
      const answer = await call(platform(), "PUT", path, { token: platform().apiKey, body, headers });
      expect([400, 422]).toContain(answer.status);
      expect(expectError(answer, answer.status).error).toContain(field);
      expect(await metadata(id)).toEqual({ a: [null, 1] });
    });

    test("422 for metadata nested beyond all use, and nothing is changed", async () => {
      const id = await delayed({ metadata: { a: 1 } });
      const body = `{"metadata":{"a":${"[".repeat(50_000)}${"]".repeat(50_000)}}}`;
      const headers = { "content-type": "application/json" };
      const path = `/api/v1/runs/${id}/metadata`;
      const answer = await call(platform(), "PUT", path, { token: platform().apiKey, body, headers });
      expect(expectError(answer, 422).error).toContain("metadata");
      expect(await metadata(id)).toEqual({ a: 1 });
    });

    test("a delayed run is given another time; one that is not delayed is not", async () => {
      const p = platform();
      const id = await delayed();
      const path = `/api/v1/runs/${id}/reschedule`;
      const later = await send("POST", path, { delay: "2h" });
      expect(later.json).toMatchObject({ id, status: "DELAYED" });
      const { delayedUntil = "" } = await retrieve(p, id);
      expect(Date.parse(delayedUntil) - Date.now()).toBeGreaterThan(7_000_000);
      expectError(await send("POST", path, { delay: "soon" }), 400);
      expectError(await send("POST", path, { delay: "1000000w" }), 400);
      expect((await send("POST", path, { delay: "2001-01-01T00:00:00.000Z" })).status).toBe(200);
      const agent = await FakeAgent.enrol(p);
      await agent.lease(id);
      expectError(await send("POST", path, { delay: "1h" }), 422);
      expectError(await send("POST", "/api/v1/runs/run_none/reschedule", { delay: "1h" }), 404);
    });

    test("the result of a run is there when it is over", async () => {
      const p = platform();
      const agent = await FakeAgent.enrol(p);
      const lease = await agent.execute("hello");
      const path = `/api/v1/runs/${lease.runId}/result`;
      const early = await send("GET", path);
      expectError(early, 404);
      expect(early.headers.get("x-should-retry")).toBe("false");
      await agent.complete(lease, '{"json":1}');
      expect(RunResult.parse((await send("GET", path)).json)).toMatchObject({
        ...{ ok: true, id: lease.runId, output: '{"json":1}', taskIdentifier: "hello" },
      });
      const canceled = await delayed();
      await send("POST", `/api/v2/runs/${canceled}/cancel`);
      expect((await send("GET", `/api/v1/runs/${canceled}/result`)).json).toMatchObject({
        ...{ ok: false, error: { type: "INTERNAL_ERROR", code: "TASK_RUN_CANCELLED" } },
      });
    });

    test("an idempotency key that is reset names a new run", async () => {
      const idempotencyKey = randomUUID();
      const first = await delayed({ idempotencyKey });
      const path = `/api/v1/idempotencyKeys/${idempotencyKey}/reset`;
      expectError(await send("POST", path, { taskIdentifier: "other" }), 404);
      expectError(await send("POST", path, { taskIdentifier: "hello" }, platform().otherKey), 404);
      expectError(await send("POST", path, {}), 400);
      expect((await send("POST", path, { taskIdentifier: "hello" })).json).toEqual({ id: idempotencyKey });
      expectError(await send("POST", path, { taskIdentifier: "hello" }), 404);
      expect(await delayed({ idempotencyKey })).not.toBe(first);
    });
  });
