import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import {
  BatchItemsResponse,
  BatchResults,
  BatchWithProcessing,
  CreateBatchResponse,
} from "@longshore/shared/contract/batches";
import { describe, expect, test } from "vitest";
import { type Answer, call, deploy, expectError, FakeAgent, fenceOf, retrieve, trigger } from "../client.ts";
import type { Platform } from "../platforms.ts";

const tasks = [{ id: "hello" }, { id: "other" }, { id: "folder/task" }];

/** Batches: two-phase and legacy. */
export const batchCases = (platform: () => Platform) =>
  describe("batches", () => {
    const make = async (json: object, token = platform().apiKey): Promise<CreateBatchResponse> => {
      const answer = await call(platform(), "POST", "/api/v3/batches", { token, json });
      expect({ status: answer.status, text: answer.text }).toMatchObject({ status: 202 });
      return CreateBatchResponse.parse(answer.json);
    };
    /** Sends pieces of a body one after the other, each in a chunk of its own. */
    const stream = async (
      id: string,
      pieces: readonly (string | Uint8Array)[],
      options: { type?: string; token?: string } = {},
    ): Promise<Answer> => {
      const left = pieces.map((piece) =>
        typeof piece === "string" ? new TextEncoder().encode(piece) : piece,
      );
      const body = new ReadableStream<Uint8Array>({
        async pull(controller) {
          const next = left.shift();
          if (next === undefined) return controller.close();
          controller.enqueue(next);
          await sleep(0);
        },
      });
      const response = await fetch(`${platform().url}/api/v3/batches/${id}/items`, {
        method: "POST",
        headers: {
          authorization: `Bearer ${options.token ?? platform().apiKey}`,
          "content-type": options.type ?? "application/x-ndjson",
        },
        body,
        duplex: "half",
      } as RequestInit);
      const text = await response.text();
      return { status: response.status, headers: response.headers, text, json: JSON.parse(text) };
    };
    const accepted = (answer: Answer): BatchItemsResponse => {
      expect({ status: answer.status, text: answer.text }).toMatchObject({ status: 200 });
      return BatchItemsResponse.parse(answer.json);
    };
    const read = async (id: string): Promise<BatchWithProcessing> => {
      const answer = await call(platform(), "GET", `/api/v2/batches/${id}`, { token: platform().apiKey });
      expect({ status: answer.status, text: answer.text }).toMatchObject({ status: 200 });
      return BatchWithProcessing.parse(answer.json);
    };
    const results = async (id: string): Promise<BatchResults["items"]> => {
      const path = `/api/v1/batches/${id}/results`;
      return BatchResults.parse((await call(platform(), "GET", path, { token: platform().apiKey })).json)
        .items;
    };
    const line = (index: number, over: object = {}) =>
      `${JSON.stringify({ index, task: "hello", payload: { index }, ...over })}\n`;

    test("a batch is made, filled and sealed, and its runs stand in order", async () => {
      const p = platform();
      const made = await call(p, "POST", "/api/v3/batches", { token: p.apiKey, json: { runCount: 3 } });
      const { id } = CreateBatchResponse.parse(made.json);
      expect(id).toMatch(/^batch_/);
      expect(await read(id)).toMatchObject({ status: "PENDING", runCount: 3, runs: [] });
      const first = accepted(await stream(id, [line(2), line(0)]));
      expect(first).toEqual({
        ...{ id, itemsAccepted: 2, itemsDeduplicated: 0 },
        ...{ sealed: false, enqueuedCount: 2, expectedCount: 3 },
      });
      const again = accepted(await stream(id, [line(0), line(1), line(2)]));
      expect(again).toEqual({ id, itemsAccepted: 1, itemsDeduplicated: 2, sealed: true });
      expect(accepted(await stream(id, [line(0), line(1), line(2)]))).toEqual({
        ...{ id, itemsAccepted: 0, itemsDeduplicated: 3, sealed: true },
      });
      const batch = await read(id);
      expect(batch).toMatchObject({ status: "PROCESSING", processing: { errors: [] } });
      const runs = await Promise.all(batch.runs.map((run) => retrieve(p, run)));
      expect(runs).toMatchObject([0, 1, 2].map((index) => ({ payload: { index }, batchId: id })));
      expect(runs[0]?.triggerFunction).toBe("batchTrigger");
      const token = made.headers.get("x-trigger-jwt") ?? "";
      expect(JSON.parse(made.headers.get("x-trigger-jwt-claims") ?? "{}")).toMatchObject({
        ...{ sub: p.environmentId, scopes: [`read:batch:${id}`] },
      });
      expect((await call(p, "GET", `/api/v1/batches/${id}`, { token })).json).not.toHaveProperty(
        "processing",
      );
      expect((await call(p, "GET", `/api/v3/runs/${batch.runs[0]}`, { token })).status).toBe(200);
      expectError(await stream(id, [line(0)], { token }), 403);
    });

    test("a stream may come in any pieces: split characters, CRLF, blank lines, no last line feed", async () => {
      const { id } = await make({ runCount: 3 });
      const text = `\r\n${line(0, { payload: "schön 🚢" }).trim()}\r\n\n${line(1)}   \n${line(2, { payload: "é" }).trim()}`;
      const bytes = new TextEncoder().encode(text);
      const pieces = Array.from(bytes, (byte) => new Uint8Array([byte]));
      expect(accepted(await stream(id, pieces))).toMatchObject({ itemsAccepted: 3, sealed: true });
      const { runs } = await read(id);
      expect(await retrieve(platform(), runs[0] ?? "")).toMatchObject({ payload: "schön 🚢" });
      expect(await retrieve(platform(), runs[2] ?? "")).toMatchObject({ payload: "é" });
    });

    test("an item that cannot be triggered becomes a failed run, and the others go on", async () => {
      const p = platform();
      const { id } = await make({ runCount: 4 });
      const big = "x".repeat(1024 * 1024);
      const pieces = [line(0), '{"index":1,"task":"hello","payload":"', big, big, big, '"}\n'];
      const more = [line(2, { task: "nowhere" }), line(3, { options: { maxAttempts: 0 } })];
      expect(accepted(await stream(id, [...pieces, ...more]))).toMatchObject({
        itemsAccepted: 4,
        sealed: true,
      });
      const batch = await read(id);
      expect(batch.processing.errors).toMatchObject([
        { index: 1, taskIdentifier: "hello", errorCode: "PAYLOAD_TOO_LARGE" },
        { index: 2, taskIdentifier: "nowhere", errorCode: "BATCH_ITEM_COULD_NOT_TRIGGER" },
        { index: 3, error: expect.stringContaining("maxAttempts") },
      ]);
      expect(await retrieve(p, batch.runs[1] ?? "")).toMatchObject({
        ...{ status: "SYSTEM_FAILURE", isFailed: true, error: { name: "PAYLOAD_TOO_LARGE" } },
      });
      const explained = await call(p, "GET", `/api/v1/runs/${batch.runs[1]}/explain`, { token: p.apiKey });
      expect(explained.status).toBe(200);
      await call(p, "POST", `/api/v2/runs/${batch.runs[0]}/cancel`, { token: p.apiKey });
      expect(await read(id)).toMatchObject({ status: "PARTIAL_FAILED" });
      expect(await results(id)).toMatchObject([
        { ok: false, error: { type: "INTERNAL_ERROR", code: "TASK_RUN_CANCELLED" } },
        { ok: false, error: { type: "INTERNAL_ERROR", code: "PAYLOAD_TOO_LARGE" } },
        { ok: false, taskIdentifier: "nowhere" },
        { ok: false },
      ]);
    });

    test("a thousand items are taken once each by two streams at a time", async () => {
      const { id } = await make({ runCount: 1_000 });
      // Delayed: they are not to stand in the way of other cases.
      const lines = Array.from({ length: 1_000 }, (_, index) => line(index, { options: { delay: "1h" } }));
      const answers = (await Promise.all([stream(id, [lines.join("")]), stream(id, lines)])).map(accepted);
      expect(answers.some(({ sealed }) => sealed)).toBe(true);
      expect(answers.reduce((sum, { itemsAccepted }) => sum + itemsAccepted, 0)).toBe(1_000);
      const { runs } = await read(id);
      expect(new Set(runs).size).toBe(1_000);
      const listed = await call(platform(), "GET", `/api/v1/runs?filter[batch]=${id}&page[size]=100`, {
        token: platform().apiKey,
      });
      expect((listed.json as { data: unknown[] }).data).toHaveLength(100);
    });

    test("an idempotency key names the batch, and counts as cached once that is sealed", async () => {
      const json = { runCount: 1, idempotencyKey: randomUUID(), taskIdentifiers: ["hello"] };
      const made = await Promise.all(Array.from({ length: 5 }, () => make(json)));
      expect(new Set(made.map(({ id }) => id)).size).toBe(1);
      expect(made.map(({ isCached }) => isCached)).toEqual(Array(5).fill(false));
      accepted(await stream(made[0]?.id ?? "", [line(0)]));
      expect(await make(json)).toEqual({
        ...{ id: made[0]?.id, runCount: 1, isCached: true, idempotencyKey: json.idempotencyKey },
      });
      expect((await make({ ...json, taskIdentifiers: ["other"] })).id).not.toBe(made[0]?.id);
    });

    test("422 for a key that made a batch of another size, before and after that is sealed", async () => {
      const p = platform();
      const json = { runCount: 2, idempotencyKey: randomUUID(), taskIdentifiers: ["hello"] };
      const send = (body: object, headers = {}) =>
        call(p, "POST", "/api/v3/batches", { token: p.apiKey, json: body, headers });
      const known = await make(json);
      for (const state of ["open", "sealed"]) {
        const { error } = expectError(await send({ ...json, runCount: 3 }), 422, "unprocessable");
        expect(error).toContain("idempotencyKey");
        expect(error).toContain(`${known.id} of 2 runs`);
        if (state === "open") accepted(await stream(known.id, [line(0), line(1)]));
      }
      expect(await make(json)).toMatchObject({ id: known.id, isCached: true });
      const headers = { "x-trigger-request-idempotency-key": randomUUID() };
      expect((await send({ runCount: 1 }, headers)).status).toBe(202);
      const { error } = expectError(await send({ runCount: 2 }, headers), 422);
      expect(error).toContain("x-trigger-request-idempotency-key");
    });

    test("a line that is too long fails its item alone wherever it names its index and task near an end", async () => {
      const big = Array<string>(3).fill("x".repeat(1024 * 1024));
      const { id } = await make({ runCount: 2 });
      const late = ['{"payload":"', ...big, '","options":{"tags":"}"},"index":1,"task":"hello"}\n'];
      expect(accepted(await stream(id, [...late, line(0)]))).toMatchObject({
        itemsAccepted: 2,
        sealed: true,
      });
      expect((await read(id)).processing.errors).toMatchObject([
        { index: 1, taskIdentifier: "hello", errorCode: "PAYLOAD_TOO_LARGE" },
      ]);
      const { id: other } = await make({ runCount: 1 });
      const hidden = ['{"payload":"', ...big, '","index":0,"task":"hello","context":"', ...big, '"}\n'];
      expect(expectError(await stream(other, hidden), 400, "bad_request").error).toContain("Line 1");
    });

    test("runs that an item's idempotency key met count as soon as they are over", async () => {
      const p = platform();
      await deploy(p, tasks);
      const key = randomUUID();
      const early = await trigger(p, "hello", { idempotencyKey: key });
      const late = await trigger(p, "hello", { idempotencyKey: `${key}2` });
      await call(p, "POST", `/api/v2/runs/${early}/cancel`, { token: p.apiKey });
      const { id } = await make({ runCount: 2 });
      const over = (idempotencyKey: string) => ({ options: { idempotencyKey } });
      accepted(await stream(id, [line(0, over(key)), line(1, over(`${key}2`))]));
      expect(await read(id)).toMatchObject({ status: "PROCESSING", runs: [early, late] });
      await call(p, "POST", `/api/v2/runs/${late}/cancel`, { token: p.apiKey });
      expect(await read(id)).toMatchObject({ status: "COMPLETED" });
    });

    test("a parent on a queue of one waits for a batch on the same queue, and gets the results in order", async () => {
      const p = platform();
      await deploy(p, [...tasks, { id: "narrow", queue: { name: "narrow", concurrencyLimit: 1 } }]);
      const agent = await FakeAgent.enrol(p);
      const parent = await agent.execute("narrow");
      const json = { runCount: 3, parentRunId: parent.runId, resumeParentOnCompletion: true };
      const { id } = await make(json, parent.runToken);
      const items = [0, 1, 2].map((index) => line(index, { task: "narrow" }));
      accepted(await stream(id, [...items], { token: parent.runToken }));
      const waiting = await agent.report([
        { ...fenceOf(parent), kind: "waiting", waits: [{ kind: "batch", batchId: id }] },
      ]);
      expect(waiting.results).toMatchObject([{ result: "moved" }]);
      const { runs } = await read(id);
      for (const run of [...runs].sort()) {
        const lease = await agent.lease(run);
        await agent.report([{ ...fenceOf(lease), kind: "started" }]);
        await agent.complete(lease, JSON.stringify(run));
      }
      const continued = await agent.lease(parent.runId);
      expect(continued).toMatchObject({
        kind: "continue",
        waits: [
          {
            ...{ kind: "batch", ok: true, batchId: id },
            items: runs.map((run) => ({
              id: run,
              ok: true,
              taskIdentifier: "narrow",
              output: JSON.stringify(run),
            })),
          },
        ],
      });
      expect(await read(id)).toMatchObject({ status: "COMPLETED" });
      expect(await results(id)).toMatchObject(runs.map((run) => ({ ok: true, id: run })));
      expect(await retrieve(p, runs[0] ?? "")).toMatchObject({
        ...{
          depth: 1,
          triggerFunction: "batchTriggerAndWait",
          relatedRuns: { parent: { id: parent.runId } },
        },
      });
      await agent.complete(continued);
    });

    test("a wait for a batch that is over already is answered ready, with its items", async () => {
      const p = platform();
      const agent = await FakeAgent.enrol(p);
      const parent = await agent.execute("hello");
      const { id } = await make({ runCount: 1, parentRunId: parent.runId, resumeParentOnCompletion: true });
      accepted(await stream(id, [line(0, { task: "nowhere" })]));
      const { results: facts } = await agent.report([
        { ...fenceOf(parent), kind: "waiting", waits: [{ kind: "batch", batchId: id }] },
      ]);
      expect(facts).toMatchObject([{ result: "ready", waits: [{ kind: "batch", items: [{ ok: false }] }] }]);
      await agent.complete(parent);
    });

    test("older clients send a batch whole", async () => {
      const p = platform();
      const headers = { "idempotency-key": randomUUID() };
      const send = (path: string, json: object) => call(p, "POST", path, { token: p.apiKey, json, headers });
      const items = [{ task: "hello" }, { task: "other", payload: 1 }];
      const v1 = await send("/api/v1/tasks/batch", { items });
      expect(v1.json).toMatchObject({
        ...{ isCached: false, idempotencyKey: headers["idempotency-key"] },
        runs: [{ taskIdentifier: "hello", isCached: false }, { taskIdentifier: "other" }],
      });
      expect((await send("/api/v1/tasks/batch", { items })).json).toMatchObject({
        ...{
          isCached: true,
          id: (v1.json as { id: string }).id,
          runs: (v1.json as { runs: object[] }).runs.map((run) => ({ ...run, isCached: true })),
        },
      });
      const v2 = await call(p, "POST", "/api/v2/tasks/batch", { token: p.apiKey, json: { items } });
      expect(v2.json).toEqual({ id: expect.stringMatching(/^batch_/), runCount: 2 });
      expect(v2.headers.get("x-trigger-jwt")).not.toBeNull();
      const path = `/api/v1/tasks/${encodeURIComponent("folder/task")}/batch`;
      const one = await call(p, "POST", path, { token: p.apiKey, json: { items: [{ payload: 1 }, {}] } });
      expect(one.json).toMatchObject({
        batchId: expect.any(String),
        runs: [expect.any(String), expect.any(String)],
      });
    });

    test.each([
      ["no JSON", ["{", "\n"], "Line 2"],
      ["no object", ["[]\n"], "Line 2"],
      ["no task", ['{"index":1}\n'], "task"],
      ["an index beyond the batch", [line(7)], "index 7"],
      ["a negative index", [line(-1)], "index"],
      ["an index that is a text", ['{"index":"1","task":"hello"}\n'], "index"],
    ])("400 for a line with %s, naming it; what came before stays", async (_name, pieces, word) => {
      const { id } = await make({ runCount: 2 });
      expect(expectError(await stream(id, [line(0), ...pieces]), 400, "bad_request").error).toContain(word);
      expect((await read(id)).runs).toHaveLength(1);
      expect(accepted(await stream(id, [line(0), line(1)]))).toMatchObject({
        ...{ itemsAccepted: 1, itemsDeduplicated: 1, sealed: true },
      });
    });

    test.each([
      ["no items", { runCount: 0 }, "runCount"],
      ["1,001 items", { runCount: 1_001 }, "runCount"],
      ["a count that is a text", { runCount: "3" }, "runCount"],
      ["no task", { runCount: 1, taskIdentifiers: [] }, "taskIdentifiers"],
      ["an endless key", { runCount: 1, idempotencyKey: "x".repeat(2_049) }, "idempotencyKey"],
    ])("400 for a batch of %s", async (_name, json, word) => {
      const answer = await call(platform(), "POST", "/api/v3/batches", { token: platform().apiKey, json });
      expect(expectError(answer, 400, "bad_request").error).toContain(word);
    });

    test("404 for another environment's batch; 415 for items in another form; 422 for an unknown parent", async () => {
      const p = platform();
      const { id } = await make({ runCount: 1 });
      expectError(await stream(id, [line(0)], { token: p.otherKey }), 404, "not_found");
      expectError(await call(p, "GET", `/api/v2/batches/${id}`, { token: p.otherKey }), 404);
      expectError(await stream(id, [line(0)], { type: "application/json" }), 415);
      const json = { runCount: 1, parentRunId: "run_none" };
      expectError(await call(p, "POST", "/api/v3/batches", { token: p.apiKey, json }), 422);
    });
  });
