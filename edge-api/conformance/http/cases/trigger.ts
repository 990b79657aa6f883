import { randomUUID } from "node:crypto";
import { describe, expect, test } from "vitest";
import { announce, call, deploy, expectError, FakeAgent, fenceOf, retrieve, trigger } from "../client.ts";
import type { Platform } from "../platforms.ts";

const path = (task: string) => `/api/v1/tasks/${encodeURIComponent(task)}/trigger`;

/** POST /api/v1/tasks/:taskId/trigger */
export const triggerCases = (platform: () => Platform) =>
  describe("trigger", () => {
    const post = (json: unknown, headers: Record<string, string> = {}, task = "hello") =>
      call(platform(), "POST", path(task), { token: platform().apiKey, json, headers });

    describe("200", () => {
      test("answers an id, and a token in x-trigger-jwt that reads this run and nothing else", async () => {
        const p = platform();
        const answer = await post({ payload: { a: 1 } });
        const { id, isCached } = answer.json as { id: string; isCached: boolean };
        expect({ status: answer.status, isCached }).toEqual({ status: 200, isCached: false });
        expect(id).toMatch(/^run_[0-9a-z]{26}$/);
        const token = answer.headers.get("x-trigger-jwt") ?? "";
        const claims = JSON.parse(answer.headers.get("x-trigger-jwt-claims") ?? "{}");
        expect(claims).toMatchObject({ sub: p.environmentId, pub: true });
        expect(claims.scopes).toContain(`read:runs:${id}`);
        expect((await call(p, "GET", `/api/v3/runs/${id}`, { token })).status).toBe(200);
        expect((await call(p, "GET", `/api/v1/runs/${id}/events`, { token })).status).toBe(200);
        const other = await trigger(p, "hello");
        expectError(await call(p, "GET", `/api/v3/runs/${other}`, { token }), 403, "unauthorized");
        expectError(await call(p, "GET", "/api/v1/runs", { token }), 403);
        expectError(await call(p, "POST", `/api/v2/runs/${id}/cancel`, { token }), 403);
        expectError(await call(p, "POST", path("hello"), { token, json: {} }), 403);
        expectError(await call(p, "POST", "/api/v1/agents/enrol-tokens", { token }), 403);
      });

      test("an idempotency key names the same run until it expires, in the body or in a header", async () => {
        const key = randomUUID();
        const first = await post({ options: { idempotencyKey: key, idempotencyKeyTTL: "1h" } });
        const second = await post({}, { "idempotency-key": key });
        expect(second.json).toEqual({ ...(first.json as object), isCached: true });
        const brief = randomUUID();
        const one = await trigger(platform(), "hello", { idempotencyKey: brief, idempotencyKeyTTL: "0s" });
        const two = await trigger(platform(), "hello", { idempotencyKey: brief });
        expect(two).not.toBe(one);
      });

      test("one idempotency key used by many callers at once makes one run", async () => {
        const json = { options: { idempotencyKey: randomUUID() } };
        const answers = await Promise.all(Array.from({ length: 10 }, () => post(json)));
        expect(answers.map(({ status }) => status)).toEqual(Array(10).fill(200));
        expect(new Set(answers.map(({ json }) => (json as { id: string }).id)).size).toBe(1);
      });

      test("a request that is sent again makes no second run, and is not called cached", async () => {
        const headers = { "x-trigger-request-idempotency-key": randomUUID() };
        const first = await post({}, headers);
        const again = await post({}, headers);
        expect(again.json).toEqual({ ...(first.json as object), isCached: false });
        expect(again.headers.get("x-trigger-jwt")).not.toBeNull();
        expect((await post({}, headers, "other")).json).not.toEqual(again.json);
      });

      test("a delay, a ttl, tags, metadata, a machine and a key are kept", async () => {
        const id = await trigger(platform(), "hello", {
          ...{ delay: "1h", ttl: "10m", tags: ["a", "b", "a"], metadata: { x: 1 }, test: true },
          ...{ idempotencyKey: randomUUID(), machine: "micro", priority: 3, maxAttempts: 2, maxDuration: 60 },
        });
        const run = await retrieve(platform(), id);
        expect(run).toMatchObject({
          status: "DELAYED",
          ttl: "600s",
          tags: ["a", "b"],
          metadata: { x: 1 },
          isTest: true,
        });
        expect(Date.parse(run.delayedUntil ?? "") - Date.parse(run.createdAt)).toBeGreaterThan(3_500_000);
        const past = await trigger(platform(), "hello", { delay: "2001-01-01T00:00:00.000Z" });
        expect(await retrieve(platform(), past)).toMatchObject({ status: "QUEUED" });
      });

      test("a task id with a slash is one segment", async () => {
        const id = await trigger(platform(), "folder/task");
        expect(await retrieve(platform(), id)).toMatchObject({ taskIdentifier: "folder/task" });
      });

      test.each([
        ["a JSON text", '{"a":1}', undefined, { a: 1 }],
        ["a plain text", "hi", "text/plain", "hi"],
        ["superjson", '{"json":{"d":"x"},"meta":{}}', "application/super+json", { d: "x" }],
        ["an object", { b: [1, null] }, undefined, { b: [1, null] }],
      ])("%s comes back as it was sent", async (_name, payload, payloadType, expected) => {
        const id = await trigger(platform(), "hello", payloadType ? { payloadType } : {}, payload);
        expect(await retrieve(platform(), id)).toMatchObject({ payload: expected });
      });

      test("characters that Postgres cannot hold become the replacement character", async () => {
        const id = await trigger(
          platform(),
          "hello",
          { payloadType: "text/plain", tags: ["\ud800"] },
          "a\0b",
        );
        expect(await retrieve(platform(), id)).toMatchObject({ payload: "a\ufffdb", tags: ["\ufffd"] });
      });

      test("a locked version runs that version after another was promoted", async () => {
        const p = platform();
        const old = await deploy(p, [
          { id: "locked" },
          { id: "hello" },
          { id: "other" },
          { id: "folder/task" },
        ]);
        await deploy(p, [{ id: "locked" }, { id: "hello" }, { id: "other" }, { id: "folder/task" }]);
        const id = await trigger(p, "locked", { lockToVersion: old.version });
        expect(await retrieve(p, id)).toMatchObject({ version: old.version });
        await call(p, "POST", `/api/v2/runs/${id}/cancel`, { token: p.apiKey });
      });
    });

    test("400 for JSON that is cut or is no object, naming what is wrong", async () => {
      const send = (body: string) =>
        call(platform(), "POST", path("hello"), {
          ...{ token: platform().apiKey, body, headers: { "content-type": "application/json" } },
        });
      expectError(await send('{"payload":'), 400, "bad_request");
      expectError(await send("[]"), 400, "bad_request");
    });

    const wrong: [string, unknown][] = [
      ...[
        ["parentRunId", 1],
        ["resumeParentOnCompletion", "yes"],
        ["lockToVersion", 1],
        ["queue", "q"],
      ],
      ...[
        ["queue", { name: "" }],
        ["concurrency", "a"],
        ["concurrency", ["a b"]],
        ["concurrencyKey", {}],
      ],
      ...[
        ["delay", "never"],
        ["delay", {}],
        ["idempotencyKey", 1],
        ["idempotencyKey", "x".repeat(2049)],
      ],
      ...[
        ["idempotencyKeyTTL", 5],
        ["idempotencyKeyOptions", "run"],
        ["machine", "huge"],
        ["maxAttempts", 0],
      ],
      ...[
        ["maxAttempts", "3"],
        ["maxAttempts", 1.5],
        ["maxDuration", 1],
        ["payloadType", 1],
        ["payloadSize", "1"],
      ],
      ...[
        ["tags", 1],
        ["tags", [1]],
        ["tags", ["x".repeat(129)]],
        ["test", "true"],
        ["ttl", -1],
        ["ttl", {}],
      ],
      ...[
        ["priority", "high"],
        ["externalDeploymentId", 1],
        ["bulkActionId", 1],
        ["region", 1],
        ["region", "eu,us"],
        ["region", ""],
        ["labels", "gpu"],
        ["labels", { gpu: 1 }],
        ["labels.region", { region: "eu" }],
        ["labels.gpu", { gpu: "a,b" }],
        ["labels.gpu", { gpu: "" }],
        ["labels.a b", { "a b": "x" }],
        ["labels", Object.fromEntries(Array.from({ length: 8 }, (_, i) => [`l${i}`, "\u00e9".repeat(128)]))],
        ["labels", Object.fromEntries(Array.from({ length: 9 }, (_, i) => [`l${i}`, "x"]))],
        ["parentBatch", 1],
      ],
    ] as [string, unknown][];
    test.each(wrong)("400 or 422 for option %s = %j", async (name, value) => {
      const answer = await post({ options: { [name.replace(/\..*/, "")]: value } });
      expect([400, 422]).toContain(answer.status);
      expect(expectError(answer, answer.status).error).toContain(name);
    });

    test("404 for an unknown task, and x-should-retry: false", async () => {
      const answer = await post({}, {}, "nowhere");
      expect(expectError(answer, 404, "not_found").error).toContain("nowhere");
      expect(answer.headers.get("x-should-retry")).toBe("false");
    });

    test("413 for a body over 3 MB, announced or not", async () => {
      const headers = { authorization: `Bearer ${platform().apiKey}`, "content-type": "application/json" };
      const announced = await announce(platform(), "POST", path("hello"), {
        ...headers,
        "content-length": String(3 * 1024 * 1024 + 1),
      });
      expect(announced).toMatchObject({ status: 413 });
      const fits = await post({ payload: "x".repeat(3 * 1024 * 1024 - 100) });
      expect(fits.status).toBe(200);
    });

    test("415 for a body that is not called JSON", async () => {
      const answer = await call(platform(), "POST", path("hello"), {
        ...{ token: platform().apiKey, body: "{}", headers: { "content-type": "text/plain" } },
      });
      expectError(answer, 415, "unsupported_media_type");
    });

    test.each([
      ["more than ten tags", { tags: Array.from({ length: 11 }, (_, i) => `t${i}`) }, "tags"],
      ["an unknown queue", { queue: { name: "nowhere" } }, "nowhere"],
      ["an unknown version", { lockToVersion: "1.1" }, "1.1"],
      ["an unknown parent", { parentRunId: "run_none" }, "run_none"],
      ["a delay that is none", { delay: "soon" }, "delay"],
      ["a ttl that is none", { ttl: "soon" }, "ttl"],
      ["a ttl of 300,000 years", { ttl: 9_007_199_254_740_991 }, "ttl"],
      ["a delay of a million weeks", { delay: "1000000w" }, "delay"],
      [
        "a key's life of a million weeks",
        { idempotencyKey: "k", idempotencyKeyTTL: "1000000w" },
        "idempotencyKeyTTL",
      ],
      ["a priority beyond all time", { priority: 1e300 }, "priority"],
      ["metadata that is a list", { metadata: [1] }, "metadata"],
      ["a payload type that is none", { payloadType: "image/png" }, "image/png"],
    ])("422 for %s, naming it", async (_name, options, word) => {
      expect(expectError(await post({ options }), 422, "unprocessable").error).toContain(word);
    });

    const postText = (path: string, body: string, contentType = "application/json") =>
      call(platform(), "POST", path, {
        token: platform().apiKey,
        body,
        headers: { "content-type": contentType },
      });

    test.each([
      ["payload", '{"payload":1e400}'],
      ["payload.a.1", '{"payload":{"a":[0,-1e400]}}'],
      ["payload.json", '{"payload":{"json":1e400},"options":{"payloadType":"application/super+json"}}'],
      ["metadata.a", '{"options":{"metadata":{"a":1e400}}}'],
      ["metadata.a", '{"options":{"metadata":{"json":{"a":1e400}}}}'],
      ["metadata.a", '{"options":{"metadata":"{\\"a\\":1e400}"}}'],
      [
        "metadata.a",
        '{"options":{"metadata":"{\\"json\\":{\\"a\\":1e400}}","metadataType":"application/super+json"}}',
      ],
    ])("422 for a number that no double holds, naming %s: %s", async (field, body) => {
      const { error } = expectError(await postText("/api/v1/tasks/hello/trigger", body), 422);
      expect(error).toBe(`${field} is a number that is too large to be kept.`);
      const id = await trigger(platform(), "hello");
      if (!body.includes("metadata"))
        expectError(await postText(`/api/v1/runs/${id}/replay`, body.replace(/,"options":.*/, "}")), 422);
    });

    test("a payload or metadata of such a number as text is kept as it came, and read as that text", async () => {
      const payload = '{"a":1e400}';
      const agent = await FakeAgent.enrol(platform());
      const lease = await agent.execute("hello", { metadata: { json: payload } });
      await agent.complete(lease, payload);
      expect(await retrieve(platform(), lease.runId)).toMatchObject({
        ...{ output: payload, metadata: { json: payload } },
      });
      const id = await trigger(platform(), "hello", {}, payload);
      expect(await retrieve(platform(), id)).toMatchObject({ payload });
      expect(await agent.lease(id)).toMatchObject({ payload });
    });

    test("in a batch such an item fails alone", async () => {
      const made = await call(platform(), "POST", "/api/v3/batches", {
        token: platform().apiKey,
        json: { runCount: 3 },
      });
      const { id } = made.json as { id: string };
      const lines = [
        '{"index":0,"task":"hello","payload":{"a":1e400}}',
        '{"index":1,"task":"hello","payload":{}}',
        '{"index":2,"task":"hello","options":{"metadata":{"a":1e400}}}',
      ];
      const sent = await postText(`/api/v3/batches/${id}/items`, lines.join("\n"), "application/x-ndjson");
      expect(sent).toMatchObject({ status: 200, json: { itemsAccepted: 3 } });
      const batch = await call(platform(), "GET", `/api/v2/batches/${id}`, { token: platform().apiKey });
      expect((batch.json as { processing: { errors: object[] } }).processing.errors).toMatchObject([
        { index: 0, error: expect.stringContaining("payload.a is a number") },
        { index: 2, error: expect.stringContaining("metadata.a is a number") },
      ]);
    });

    test.each([
      ["idempotencyKey", { idempotencyKey: "a\0" }],
      ["tags", { tags: ["x", "a\0"] }],
      ["tags", { tags: "\0" }],
      ["concurrencyKey", { concurrencyKey: "a\0" }],
      ["queue", { queue: { name: "a\0" } }],
      ["gates", { gates: [{ queue: "a\0" }] }],
      ["gates", { gates: [{ queue: "a", concurrencyKey: "\ud800" }] }],
      ["debounce", { debounce: { key: "a\0", delay: "1m" } }],
      ["externalDeploymentId", { externalDeploymentId: "a\0" }],
    ])("400 for a NUL in %s, which would be kept as something else: %j", async (name, options) => {
      expect(expectError(await post({ options }), 400, "bad_request").error).toContain(`options.${name}`);
    });

    test.each([
      ["idempotencyKey", "/api/v3/batches", { runCount: 1, idempotencyKey: "a\0" }],
      ["idempotencyKey", "/api/v1/waitpoints/tokens", { idempotencyKey: "a\0" }],
      ["tags", "/api/v1/waitpoints/tokens", { tags: ["a\0"] }],
      ["tags", "/api/v1/runs/run_none/tags", { tags: "a\0" }],
      ["queue", "/api/v1/runs/run_none/replay", { queue: "a\0" }],
    ])("400 for a NUL in %s of %s", async (name, at, json) => {
      const answer = await call(platform(), "POST", at, { token: platform().apiKey, json });
      expect(expectError(answer, 400, "bad_request").error).toContain(name);
    });

    test("a parent that has ended takes no more children: 422", async () => {
      const agent = await FakeAgent.enrol(platform());
      const lease = await agent.execute("hello");
      await agent.complete(fenceOf(lease));
      expectError(await post({ options: { parentRunId: lease.runId } }), 422);
    });
  });
