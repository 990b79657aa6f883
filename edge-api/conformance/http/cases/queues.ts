import {
  ConcurrencyLimitItem,
  ConcurrencyLimitKeyItem,
  EnvironmentConcurrency,
  QueueItem,
  QueueList,
} from "@longshore/shared/contract/queues";
import { describe, expect, test } from "vitest";
import { call, deploy, expectError, FakeAgent, manifestOf, trigger } from "../client.ts";
import type { Platform } from "../platforms.ts";

const shared = [
  { id: "hello" },
  { id: "other" },
  { id: "folder/task" },
  { id: "queued-here", queue: { name: "a/b", concurrencyLimit: 3 } },
  { id: "limited", concurrency: { inline: { perKey: 2 }, limits: ["db"] } },
];
const limits = [{ name: "db", perKey: 4, total: 8 }];

/** Queues, named limits and the environment's own. */
export const queueCases = (platform: () => Platform) =>
  describe("queues and limits", () => {
    const api = (method: string, path: string, json?: object, token = platform().apiKey) =>
      call(platform(), method, path, { token, ...(json === undefined ? {} : { json }) });
    const queue = async (method: string, path: string, json?: object) => {
      const answer = await api(method, path, json);
      expect({ status: answer.status, text: answer.text }).toMatchObject({ status: 200 });
      return QueueItem.parse(answer.json);
    };
    const ready = () => deploy(platform(), shared, { limits });

    test("200 by id, by task and by name, whether the slash is encoded once or twice", async () => {
      await ready();
      const twice = await queue("GET", "/api/v1/queues/a%252Fb?type=custom");
      expect(twice).toMatchObject({ name: "a/b", type: "custom", concurrencyLimit: 3, paused: false });
      expect(await queue("GET", "/api/v1/queues/a%2Fb?type=custom")).toEqual(twice);
      expect(await queue("GET", `/api/v1/queues/${twice.id}?type=id`)).toEqual(twice);
      expect(await queue("GET", "/api/v1/queues/folder%252Ftask?type=task")).toMatchObject({
        ...{ name: "folder/task", type: "task", concurrencyLimit: null },
      });
    });

    test("200 lists by pages with their count", async () => {
      await ready();
      const page = QueueList.parse((await api("GET", "/api/v1/queues?perPage=2&page=2")).json);
      expect(page.data).toHaveLength(2);
      expect(page.pagination.currentPage).toBe(2);
      expect(page.pagination.totalPages).toBe(Math.ceil(page.pagination.count / 2));
      const past = QueueList.parse((await api("GET", "/api/v1/queues?perPage=100&page=50")).json);
      expect(past.data).toEqual([]);
    });

    test("a queue that no task has bounds the triggers that name it", async () => {
      const queues = [{ name: "declared-only", concurrencyLimit: 1 }];
      await deploy(platform(), shared, { limits, queues });
      expect(await queue("GET", "/api/v1/queues/declared-only?type=custom")).toMatchObject({
        concurrencyLimit: 1,
        running: 0,
      });
      const agent = await FakeAgent.enrol(platform());
      const named = { queue: { name: "declared-only" } };
      const first = await agent.lease(await trigger(platform(), "queued-here", named));
      await trigger(platform(), "queued-here", named);
      expect(await queue("GET", "/api/v1/queues/declared-only?type=custom")).toMatchObject({
        running: 1,
        queued: 1,
      });
      expect(
        (await agent.poll(5)).leases.filter(({ context }) => context.queue.name === "declared-only"),
      ).toEqual([]);
      await agent.complete(first);
    });

    test("a paused queue starts nothing, a resumed one starts at once, while a poll is parked", async () => {
      await ready();
      const agent = await FakeAgent.enrol(platform());
      const path = "/api/v1/queues/a%252Fb/pause";
      expect(await queue("POST", path, { type: "custom", action: "pause" })).toMatchObject({ paused: true });
      const id = await trigger(platform(), "queued-here");
      expect((await agent.poll(10, 0)).leases.map(({ runId }) => runId)).not.toContain(id);
      expect(await queue("GET", "/api/v1/queues/a%252Fb?type=custom")).toMatchObject({
        queued: 1,
        running: 0,
      });
      const parked = agent.lease(id);
      await queue("POST", path, { type: "custom", action: "resume" });
      const lease = await parked;
      expect(await queue("GET", "/api/v1/queues/a%252Fb?type=custom")).toMatchObject({
        queued: 0,
        running: 1,
      });
      await agent.report([{ kind: "started", runId: lease.runId, epoch: lease.epoch }]);
      await agent.complete(lease);
    });

    test("an override holds until it is reset, also over a deploy that declares another limit", async () => {
      await ready();
      const path = "/api/v1/queues/a%252Fb/concurrency";
      const set = await queue("POST", `${path}/override`, { type: "custom", concurrencyLimit: 1 });
      expect(set.concurrency).toMatchObject({ current: 1, base: 3, override: 1 });
      expect(set.concurrency.overriddenAt).not.toBeNull();
      await deploy(platform(), [
        ...shared.slice(0, 3),
        { id: "queued-here", queue: { name: "a/b", concurrencyLimit: 5 } },
      ]);
      expect((await queue("GET", "/api/v1/queues/a%252Fb?type=custom")).concurrency).toMatchObject({
        ...{ current: 1, base: 5, override: 1 },
      });
      const agent = await FakeAgent.enrol(platform());
      const ids = [await trigger(platform(), "queued-here"), await trigger(platform(), "queued-here")];
      const first = (await agent.poll(10, 0)).leases.filter(({ runId }) => ids.includes(runId));
      expect(first).toHaveLength(1);
      const reset = await queue("POST", `${path}/reset`, { type: "custom" });
      expect(reset.concurrency).toMatchObject({ current: 5, base: 5, override: null, overriddenAt: null });
      const second = (await agent.poll(10, 500)).leases.filter(({ runId }) => ids.includes(runId));
      expect(second).toHaveLength(1);
      for (const lease of [...first, ...second]) {
        await agent.report([{ kind: "started", runId: lease.runId, epoch: lease.epoch }]);
        await agent.complete(lease);
      }
    });

    test("the environment: limit, burst and pause", async () => {
      const read = async () =>
        EnvironmentConcurrency.parse((await api("GET", "/api/v1/environment/concurrency")).json);
      const before = await read();
      const set = await api("PUT", "/api/v1/environment/concurrency", { limit: 3, burstFactor: 1.5 });
      expect(set.json).toMatchObject({ limit: 3, burstFactor: 1.5, runningMax: 4 });
      await ready();
      expect(await queue("GET", "/api/v1/queues/a%252Fb?type=custom")).toMatchObject({ concurrencyLimit: 3 });
      expect((await api("PUT", "/api/v1/environment/pause", { action: "pause" })).json).toMatchObject({
        paused: true,
      });
      await api("PUT", "/api/v1/environment/pause", { action: "resume" });
      await api("PUT", "/api/v1/environment/concurrency", {
        limit: before.limit,
        burstFactor: before.burstFactor,
      });
      expect(await read()).toMatchObject({
        limit: before.limit,
        runningMax: before.runningMax,
        paused: false,
      });
    });

    test("limits: declared bounds, overrides, one key's own bound, pause", async () => {
      await ready();
      const limit = async (method: string, path: string, json?: object) =>
        ConcurrencyLimitItem.parse((await api(method, `/api/v1/concurrency-limits/${path}`, json)).json);
      const key = async (method: string, path: string, json?: object) =>
        ConcurrencyLimitKeyItem.parse((await api(method, `/api/v1/concurrency-limits/${path}`, json)).json);
      expect(await limit("GET", "db")).toMatchObject({
        perKey: { base: 4 },
        total: { base: 8 },
        paused: false,
      });
      expect(await limit("GET", "task%2Flimited")).toMatchObject({
        perKey: { base: 2 },
        total: { base: null },
      });
      expect(await limit("POST", "db/override", { total: 1 })).toMatchObject({
        ...{ perKey: { current: 4, override: null }, total: { current: 1, base: 8, override: 1 } },
      });
      expect(await limit("POST", "db/pause", { action: "pause" })).toMatchObject({ paused: true });
      expect(await limit("POST", "db/pause", { action: "resume" })).toMatchObject({ paused: false });
      expect(await limit("POST", "db/reset", {})).toMatchObject({ total: { current: 8, override: null } });
      const own = await key("POST", "db/override", { concurrencyKey: "t 1", perKey: 0, ttl: "2h" });
      expect(own).toMatchObject({ concurrencyKey: "t 1", perKey: { current: 0, base: 4, override: 0 } });
      const inMs = Date.parse(own.perKey.expiresAt ?? "") - Date.now();
      expect(Math.abs(inMs - 7_200_000)).toBeLessThan(60_000);
      expect(await key("GET", "db?concurrencyKey=t%201")).toEqual(own);
      expect(await key("GET", "db?concurrencyKey=t2")).toMatchObject({
        perKey: { current: 4, override: null },
      });
      expect(await key("POST", "db/reset", { concurrencyKey: "t 1" })).toMatchObject({
        ...{ perKey: { current: 4, override: null, expiresAt: null } },
      });
    });

    test.each([
      ["POST", "/api/v1/queues/x/pause", { type: "id", action: "stop" }, "action"],
      [
        "POST",
        "/api/v1/queues/x/concurrency/override",
        { type: "id", concurrencyLimit: -1 },
        "concurrencyLimit",
      ],
      [
        "POST",
        "/api/v1/queues/x/concurrency/override",
        { type: "id", concurrencyLimit: 100_001 },
        "concurrencyLimit",
      ],
      ["PUT", "/api/v1/environment/concurrency", {}, "limit"],
      ["PUT", "/api/v1/environment/concurrency", { burstFactor: 0.5 }, "burstFactor"],
      ["POST", "/api/v1/concurrency-limits/db/override", {}, "perKey"],
      ["POST", "/api/v1/concurrency-limits/db/override", { concurrencyKey: "a", total: 1 }, "perKey"],
      ["POST", "/api/v1/concurrency-limits/db/override", { perKey: 1, ttl: "1h" }, "ttl"],
      ["POST", "/api/v1/concurrency-limits/db/reset", { concurrencyKey: "a\u0000" }, "concurrencyKey"],
      [
        "POST",
        "/api/v1/concurrency-limits/db/override",
        { concurrencyKey: "a", perKey: 1, ttl: "31d" },
        "ttl",
      ],
    ])("400 for %s %s with %j, naming %s", async (method, path, json, field) => {
      expect(expectError(await api(method, path, json), 400).error).toContain(field);
    });

    test("404 for what another environment has, and for what does not exist", async () => {
      await ready();
      const mine = await queue("GET", "/api/v1/queues/a%252Fb?type=custom");
      const other = platform().otherKey;
      for (const path of [
        `/api/v1/queues/${mine.id}`,
        "/api/v1/queues/a%252Fb?type=custom",
        "/api/v1/concurrency-limits/db",
      ]) {
        const answer = await api("GET", path, undefined, other);
        expectError(answer, 404, "not_found");
        expect(answer.headers.get("x-should-retry")).toBe("false");
      }
      expectError(
        await api("POST", `/api/v1/queues/${mine.id}/pause`, { type: "id", action: "pause" }, other),
        404,
      );
      expectError(await api("GET", "/api/v1/queues/queue_none"), 404);
    });

    test("422 for a deployment whose task names a limit that it does not declare", async () => {
      const manifest = manifestOf([{ id: "a", concurrency: { limits: ["none"] } }]);
      const answer = await api("POST", "/api/v1/deployments", { bundleHash: "4".repeat(64), manifest });
      expect(expectError(answer, 422).error).toContain('"none"');
    });
  });
