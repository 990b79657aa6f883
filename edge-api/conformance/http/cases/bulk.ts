import { randomUUID } from "node:crypto";
import { BulkAction, BulkActionList } from "@longshore/shared/contract/bulk-actions";
import { RunIdResponse, RunList } from "@longshore/shared/contract/runs";
import { describe, expect, test } from "vitest";
import { call, deploy, expectError, FakeAgent, retrieve, trigger, until } from "../client.ts";
import type { Platform } from "../platforms.ts";
import { createPersonal, signIn } from "../wrong-credentials.ts";

/** Replays, bulk actions, and the lists that find their runs. */
export const bulkCases = (platform: () => Platform) =>
  describe("replay and bulk actions", () => {
    const api = (method: string, path: string, json?: object, token = platform().apiKey) =>
      call(platform(), method, path, { token, ...(json === undefined ? {} : { json }) });
    const replay = async (id: string, body?: object, headers: Record<string, string> = {}) => {
      const answer = await call(platform(), "POST", `/api/v1/runs/${id}/replay`, {
        token: platform().apiKey,
        headers: { "content-type": "application/json", ...headers },
        ...(body === undefined ? {} : { json: body }),
      });
      expect({ status: answer.status, text: answer.text }).toMatchObject({ status: 200 });
      return RunIdResponse.parse(answer.json).id;
    };
    const done = async (id: string) =>
      BulkAction.parse(
        (
          await until(
            () => api("GET", `/api/v1/bulk-actions/${id}`),
            ({ json }) => (json as { status: string }).status !== "PENDING",
          )
        ).json,
      );
    const create = async (json: object) => {
      const answer = await api("POST", "/api/v1/bulk-actions", json);
      expect({ status: answer.status, text: answer.text }).toMatchObject({ status: 202 });
      return (answer.json as { id: string }).id;
    };

    test("200 replays a run as it was, without a body", async () => {
      const tag = randomUUID();
      const options = { tags: tag, metadata: { a: 1 }, concurrencyKey: "k", machine: "micro", test: true };
      const id = await trigger(platform(), "hello", options, { n: 1 });
      const again = await replay(id);
      expect(again).not.toBe(id);
      expect(await retrieve(platform(), again)).toMatchObject({
        ...{ taskIdentifier: "hello", payload: { n: 1 }, tags: [tag], metadata: { a: 1 }, isTest: true },
        triggerFunction: "trigger",
      });
    });

    test("a run's context tells what it is, and what it was given", async () => {
      const agent = await FakeAgent.enrol(platform());
      const first = await agent.execute("hello");
      expect(first.context.run).toMatchObject({ isReplay: false, durationMs: 0, baseCostInCents: 0 });
      expect(first.context.run).not.toHaveProperty("metadata");
      expect(first.context.deployment?.runtimeVersion).toBeTypeOf("string");
      await agent.complete(first);
      const id = await trigger(platform(), "hello", {
        metadata: { a: { b: 1 } },
        idempotencyKey: "context-key",
        idempotencyKeyOptions: { key: "k", scope: "global" },
      });
      const given = await agent.lease(id);
      expect(given.context.run).toMatchObject({ metadata: { a: { b: 1 } }, idempotencyKeyScope: "global" });
      const again = await replay(id);
      expect((await agent.lease(again)).context.run).toMatchObject({
        isReplay: true,
        metadata: { a: { b: 1 } },
      });
    });

    test("200 replays with what the caller puts in place", async () => {
      const id = await trigger(platform(), "hello", { tags: "old", metadata: { a: 1 } }, { n: 1 });
      const again = await replay(id, { payload: { n: 2 }, tags: ["new"], metadata: { b: 2 }, delay: "1h" });
      expect(await retrieve(platform(), again)).toMatchObject({
        ...{ payload: { n: 2 }, tags: ["new"], metadata: { b: 2 }, status: "DELAYED" },
      });
      const packet = JSON.stringify({
        json: { at: "2026-01-01T00:00:00.000Z" },
        meta: { values: { at: ["Date"] } },
      });
      const typed = await replay(id, { payload: packet, payloadType: "application/super+json" });
      expect(await retrieve(platform(), typed)).toMatchObject({
        payload: { at: "2026-01-01T00:00:00.000Z" },
      });
    });

    test("a repeated request makes one run, another request another", async () => {
      const id = await trigger(platform(), "hello");
      const headers = { "x-trigger-request-idempotency-key": randomUUID() };
      const first = await replay(id, {}, headers);
      expect(await replay(id, {}, headers)).toBe(first);
      expect(await replay(id, {})).not.toBe(first);
    });

    test.each([
      [{ extra: 1 }, "extra"],
      [{ payload: 1, payloadType: "application/super+json" }, "payload"],
      [{ payloadType: "text/plain" }, "payloadType"],
      [{ maxAttempts: 0 }, "maxAttempts"],
    ])("400 for the replay %j, naming %s", async (body, field) => {
      const id = await trigger(platform(), "hello");
      expect(expectError(await api("POST", `/api/v1/runs/${id}/replay`, body), 400).error).toContain(field);
    });

    test("404 for a replay of another environment's run, 422 for a queue or version that is not there", async () => {
      const id = await trigger(platform(), "hello");
      expectError(await api("POST", `/api/v1/runs/${id}/replay`, {}, platform().otherKey), 404, "not_found");
      expectError(await api("POST", `/api/v1/runs/${id}/replay`, { queue: "none" }), 422);
      expectError(await api("POST", `/api/v1/runs/${id}/replay`, { version: "20000101.1" }), 422);
    });

    test("a filter cancels what waits and what runs, counts them, and lists find them", async () => {
      const tag = randomUUID();
      const agent = await FakeAgent.enrol(platform());
      const running = await agent.execute("hello", { tags: tag });
      const waiting = [
        await trigger(platform(), "hello", { tags: tag }),
        await trigger(platform(), "other", { tags: tag, delay: "1h" }),
      ];
      const id = await create({ action: "cancel", filter: { tag }, name: "clean up" });
      expect(await done(id)).toMatchObject({
        ...{ name: "clean up", type: "CANCEL", status: "COMPLETED" },
        counts: { total: 3, success: 3, failure: 0 },
      });
      for (const run of waiting)
        expect(await retrieve(platform(), run)).toMatchObject({ status: "CANCELED" });
      const { orders } = await agent.poll(1, 500);
      expect(orders).toMatchObject([{ kind: "cancel", runId: running.runId }]);
      await agent.report([{ kind: "canceled", runId: running.runId, epoch: running.epoch, executedMs: 1 }]);
      const found = RunList.parse((await api("GET", `/api/v1/runs?filter[bulkAction]=${id}`)).json).data;
      expect(found.map((run) => run.id).sort()).toEqual([...waiting, running.runId].sort());
    });

    test("ids are replayed, and one that is none counts as failed", async () => {
      const ids = [await trigger(platform(), "hello"), await trigger(platform(), "hello")];
      const id = await create({ action: "replay", runIds: [...ids, "run_none"], targetRegion: "eu" });
      expect(await done(id)).toMatchObject({ type: "REPLAY", counts: { total: 3, success: 2, failure: 1 } });
      const found = RunList.parse(
        (await api("GET", `/api/v1/runs?filter[bulkAction]=${id}&filter[region]=eu`)).json,
      );
      expect(found.data).toHaveLength(2);
      expect((await api("POST", `/api/v1/bulk-actions/${id}/abort`)).json).toEqual({ id });
      expect(await done(id)).toMatchObject({ status: "COMPLETED" });
    });

    test("200 pages through actions both ways", async () => {
      const made: string[] = [];
      for (let n = 0; n < 3; n++) made.unshift(await create({ action: "cancel", runIds: [`run_none${n}`] }));
      const list = async (query: string) =>
        BulkActionList.parse((await api("GET", `/api/v1/bulk-actions?${query}`)).json);
      const first = await list("page[size]=2");
      const order = (await list("page[size]=3")).data.map(({ id }) => id);
      expect([...order].sort()).toEqual([...made].sort());
      expect(first.data.map(({ id }) => id)).toEqual(order.slice(0, 2));
      const second = await list(`page[size]=2&page[after]=${first.pagination.next}`);
      expect(second.data[0]?.id).toBe(order[2]);
      const back = await list(`page[size]=2&page[before]=${second.pagination.previous}`);
      expect(back.data.map(({ id }) => id)).toEqual(order.slice(0, 2));
      expect(back.pagination.previous).toBeUndefined();
    });

    test.each([
      [{ action: "cancel" }, "filter"],
      [{ action: "cancel", runIds: ["a"], filter: { tag: "a" } }, "filter"],
      [{ action: "cancel", filter: {} }, "filter"],
      [{ action: "pause", runIds: ["a"] }, "action"],
      [{ action: "cancel", runIds: [] }, "runIds"],
      [{ action: "cancel", runIds: Array(501).fill("a") }, "runIds"],
      [{ action: "cancel", runIds: ["a"], targetRegion: "eu" }, "targetRegion"],
      [{ action: "cancel", runIds: ["a"], name: "n".repeat(256) }, "name"],
      [{ action: "cancel", filter: { period: "soon" } }, "period"],
      [{ action: "cancel", filter: { from: 1e300 } }, "from"],
      [{ action: "cancel", filter: { to: "tomorrow" } }, "to"],
      [{ action: "cancel", runIds: ["a\u0000"] }, "runIds"],
      [{ action: "cancel", filter: { tag: "\ud800" } }, "tag"],
      // What is not understood must not cancel more than was meant.
      [{ action: "cancel", filter: { tag: "a", error: "b" } }, '"error"'],
      [{ action: "cancel", filter: { tag: "a", tasks: ["b"] } }, '"tasks"'],
      [{ action: "cancel", filter: { tag: "a" }, limit: 1 }, '"limit"'],
    ])("400 for the bulk action %j, naming %s", async (body, field) => {
      expect(expectError(await api("POST", "/api/v1/bulk-actions", body), 400).error).toContain(field);
    });

    test("404 for another environment's action", async () => {
      const id = await create({ action: "cancel", runIds: ["run_none"] });
      expectError(
        await api("GET", `/api/v1/bulk-actions/${id}`, undefined, platform().otherKey),
        404,
        "not_found",
      );
      expectError(await api("POST", `/api/v1/bulk-actions/${id}/abort`, undefined, platform().otherKey), 404);
    });

    test("a project's runs are those of the caller's environment, with its name", async () => {
      await deploy(platform(), [{ id: "hello" }, { id: "other" }, { id: "folder/task" }]);
      const agent = await FakeAgent.enrol(platform());
      const lease = await agent.execute("hello");
      const { ref } = lease.context.project;
      await agent.complete(lease);
      const list = async (query: string) =>
        RunList.parse((await api("GET", `/api/v1/projects/${ref}/runs?${query}`)).json).data;
      expect((await list("page[size]=1"))[0]?.env).toEqual({ id: platform().environmentId, name: "dev" });
      expect(await list("filter[env]=prod")).toEqual([]);
      expectError(await api("GET", "/api/v1/projects/proj_none/runs"), 404, "not_found");
    });

    test("a person lists the runs of every environment of the project, or of those it names", async () => {
      const p = platform();
      await deploy(p, [{ id: "hello" }], { token: p.otherKey });
      const ids = [await trigger(p, "hello"), await trigger(p, "hello", {}, {}, p.otherKey)];
      const { cookie, session } = await signIn(p);
      const path = `/api/v1/projects/${session.environments[0]?.projectRef}/runs`;
      const { token } = await createPersonal(p, cookie);
      const list = async (query: string) =>
        RunList.parse((await call(p, "GET", `${path}?${query}`, { token })).json).data;
      const newest = (await list("page[size]=2")).map(({ id, env }) => [id, env?.name]);
      expect(newest).toEqual([
        [ids[1], "stg"],
        [ids[0], "dev"],
      ]);
      for (const name of ["stg", "staging"]) {
        const found = await list(`filter[env]=${name}`);
        expect(new Set(found.map(({ env }) => env?.name))).toEqual(new Set(["stg"]));
      }
      expectError(await call(p, "GET", "/api/v1/projects/proj_none/runs", { token }), 404, "not_found");
      expectError(await call(p, "GET", "/api/v1/runs", { token }), 401);
    });
  });
