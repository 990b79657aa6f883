import { randomUUID } from "node:crypto";
import { RunList, RunLogs } from "@longshore/shared/contract/runs";
import { describe, expect, test } from "vitest";
import {
  call,
  deploy,
  expectError,
  explanation,
  FakeAgent,
  fenceOf,
  retrieve,
  timeline,
  trigger,
} from "../client.ts";
import type { Platform } from "../platforms.ts";

/** Reading, listing and cancelling runs. */
export const runCases = (platform: () => Platform): void => {
  const get = (path: string, token = platform().apiKey, headers: Record<string, string> = {}) =>
    call(platform(), "GET", path, { token, headers });
  const cancel = (id: string) =>
    call(platform(), "POST", `/api/v2/runs/${id}/cancel`, { token: platform().apiKey });

  describe("retrieve", () => {
    test("200 with booleans that follow the status, through the whole life of a run", async () => {
      const agent = await FakeAgent.enrol(platform());
      const id = await trigger(platform(), "hello");
      expect(await retrieve(platform(), id)).toMatchObject({
        status: "QUEUED",
        isQueued: true,
        isExecuting: false,
      });
      const lease = await agent.lease(id);
      expect(await retrieve(platform(), id)).toMatchObject({ status: "DEQUEUED", isExecuting: true });
      await agent.report([{ ...fenceOf(lease), kind: "started" }]);
      expect(await retrieve(platform(), id)).toMatchObject({ status: "EXECUTING", attemptCount: 1 });
      await agent.complete(lease, '{"n":1}');
      expect(await retrieve(platform(), id)).toMatchObject({
        ...{ status: "COMPLETED", isCompleted: true, isSuccess: true, isFailed: false, output: { n: 1 } },
      });
    });

    test("200 in the older words for clients that name no version", async () => {
      const agent = await FakeAgent.enrol(platform());
      const id = await trigger(platform(), "hello");
      await agent.lease(id);
      const answer = await get(`/api/v3/runs/${id}`, undefined, { "x-trigger-api-version": "" });
      expect(answer.json).toMatchObject({ status: "EXECUTING" });
    });

    test("200 with parent, root and children", async () => {
      const agent = await FakeAgent.enrol(platform());
      const parent = await agent.execute("hello");
      const child = await trigger(platform(), "hello", { parentRunId: parent.runId });
      expect(await retrieve(platform(), child)).toMatchObject({
        ...{ depth: 1, relatedRuns: { parent: { id: parent.runId }, root: { id: parent.runId } } },
      });
      expect((await retrieve(platform(), parent.runId)).relatedRuns.children).toMatchObject([
        { id: child, depth: 1, triggerFunction: "trigger" },
      ]);
      await agent.complete(parent);
    });

    test("404 for an unknown run and for one of another environment, in the same words", async () => {
      const id = await trigger(platform(), "hello");
      const foreign = await get(`/api/v3/runs/${id}`, platform().otherKey);
      const unknown = await get("/api/v3/runs/run_none", platform().otherKey);
      expect(expectError(foreign, 404).error).toBe(expectError(unknown, 404).error);
      expect(foreign.headers.get("x-should-retry")).toBe("false");
      for (const path of [
        `/api/v1/runs/${id}/events`,
        `/api/v1/runs/${id}/logs`,
        `/api/v1/runs/${id}/explain`,
      ])
        expectError(await get(path, platform().otherKey), 404);
      const cancelled = await call(platform(), "POST", `/api/v2/runs/${id}/cancel`, {
        token: platform().otherKey,
      });
      expectError(cancelled, 404);
    });

    test("400 for a NUL in the address", async () => {
      expectError(await get("/api/v3/runs/%00"), 400);
      expectError(await get("/api/v1/runs?page[after]=%00"), 400);
    });
  });

  describe("list", () => {
    const list = async (query: string) => RunList.parse((await get(`/api/v1/runs?${query}`)).json);

    test("200 pages forward and back over the same runs, newest first", async () => {
      const tag = randomUUID();
      const ids: string[] = [];
      for (let i = 0; i < 5; i++) ids.unshift(await trigger(platform(), "hello", { tags: tag }));
      // Two runs of one millisecond have no order of their own.
      const order = (await list(`filter[tag]=${tag}`)).data.map(({ id }) => id);
      expect([...order].sort()).toEqual([...ids].sort());
      const first = await list(`filter[tag]=${tag}&page[size]=2`);
      expect(first.data.map(({ id }) => id)).toEqual(order.slice(0, 2));
      expect(first.pagination.previous).toBeUndefined();
      const second = await list(`filter[tag]=${tag}&page[size]=2&page[after]=${first.pagination.next}`);
      expect(second.data.map(({ id }) => id)).toEqual(order.slice(2, 4));
      const last = await list(`filter[tag]=${tag}&page[size]=2&page[after]=${second.pagination.next}`);
      expect(last.data.map(({ id }) => id)).toEqual(order.slice(4));
      expect(last.pagination.next).toBeUndefined();
      const back = await list(`filter[tag]=${tag}&page[size]=2&page[before]=${second.pagination.previous}`);
      expect(back.data.map(({ id }) => id)).toEqual(order.slice(0, 2));
    });

    test("200 for each filter: only runs that match", async () => {
      const tag = randomUUID();
      const id = await trigger(platform(), "other", {
        tags: [tag, "x"],
        test: true,
        machine: "micro",
        delay: "1h",
      });
      const { version } = await retrieve(platform(), id);
      await trigger(platform(), "hello", { tags: tag });
      const base = `filter[tag]=${tag}`;
      for (const filter of [
        "filter[status]=DELAYED,FROZEN",
        "filter[taskIdentifier]=other",
        "filter[isTest]=true",
      ])
        expect((await list(`${base}&${filter}`)).data.map((run) => run.id)).toEqual([id]);
      for (const filter of ["filter[machine]=micro", "filter[queue]=task/other"])
        expect((await list(`${base}&${filter}`)).data.map((run) => run.id)).toEqual([id]);
      expect(
        version === undefined || (await list(`${base}&filter[version]=${version}`)).data.length > 0,
      ).toBe(true);
      expect((await list(`${base}&filter[createdAt][period]=1d`)).data).toHaveLength(2);
      expect((await list(`${base}&filter[createdAt][to]=1000`)).data).toEqual([]);
      expect((await list(`${base}&filter[createdAt][from]=${Date.now() + 3_600_000}`)).data).toEqual([]);
      expect((await list(`filter[tag]=${tag},x`)).data.map((run) => run.id)).toEqual([id]);
      await cancel(id);
    });

    test.each([
      ...["page[size]=0", "page[size]=101", "page[size]=x", "filter[status]=BUSY", "filter[isTest]=maybe"],
      ...["filter[createdAt][from]=yesterday", "filter[createdAt][period]=long"],
      ...["filter[machine]=foo", "filter[machine]=micro,foo", "filter[task]=hello", "filter[createdAt]=1d"],
      ...["page[after]=zzz", "page[before]=batch_0"],
    ])("400 for %s, naming it", async (query) => {
      const refusal = expectError(await get(`/api/v1/runs?${query}`), 400, "bad_request");
      expect(refusal.error).toContain(query.replace(/=.*/, ""));
    });

    test("200 without the runs of another environment", async () => {
      await trigger(platform(), "hello");
      expect((await get("/api/v1/runs", platform().otherKey)).json).toMatchObject({ data: [] });
    });
  });

  describe("cancel", () => {
    test("200 for a queued run, at once, and again for the same", async () => {
      const id = await trigger(platform(), "hello");
      expect((await cancel(id)).json).toEqual({ id });
      expect(await retrieve(platform(), id)).toMatchObject({ status: "CANCELED", isCancelled: true });
      expect((await cancel(id)).status).toBe(200);
    });

    test("200 for an executing run: its agent is ordered to cancel, and the run ends when it reports", async () => {
      const agent = await FakeAgent.enrol(platform());
      const lease = await agent.execute("hello");
      expect((await cancel(lease.runId)).status).toBe(200);
      expect(await explanation(platform(), lease.runId)).toMatchObject({ code: "canceling" });
      expect((await agent.poll(0)).orders).toMatchObject([{ kind: "cancel", runId: lease.runId }]);
      await agent.report([{ ...fenceOf(lease), kind: "canceled", executedMs: 1 }]);
      expect(await retrieve(platform(), lease.runId)).toMatchObject({ status: "CANCELED" });
    });

    test("200 for a finished run, which stays as it was", async () => {
      const agent = await FakeAgent.enrol(platform());
      const lease = await agent.execute("hello");
      await agent.complete(lease);
      expect((await cancel(lease.runId)).status).toBe(200);
      expect(await retrieve(platform(), lease.runId)).toMatchObject({ status: "COMPLETED" });
    });

    test("404 for an unknown run", async () => {
      expectError(await cancel("run_none"), 404, "not_found");
    });
  });

  describe("history", () => {
    test("200 events name each move in order, with attempts", async () => {
      const agent = await FakeAgent.enrol(platform());
      const lease = await agent.execute("hello");
      await agent.complete(lease);
      const { events, attempts } = await timeline(platform(), lease.runId);
      expect(events.map(({ kind }) => kind)).toEqual(["trigger", "claim", "start", "complete"]);
      expect(attempts).toMatchObject([{ number: 1, status: "completed", agentName: "fake" }]);
    });

    test("200 logs by cursor, each line once however often it is reported", async () => {
      const agent = await FakeAgent.enrol(platform());
      const lease = await agent.execute("hello");
      const line = (seq: number, message: string) => ({
        ...{
          seq,
          at: new Date().toISOString(),
          attempt: 1,
          level: "info" as const,
          stream: "stdout" as const,
          message,
        },
      });
      const lines = [line(1, "one"), line(2, "t\0wo"), line(3, "three")];
      const fact = { ...fenceOf(lease), kind: "log" as const, lines };
      await agent.report([fact]);
      await agent.report([fact]);
      const read = async (query: string) =>
        RunLogs.parse((await get(`/api/v1/runs/${lease.runId}/logs${query}`)).json);
      const first = await read("?limit=2");
      expect(first.lines.map(({ message }) => message)).toEqual(["one", "t\ufffdwo"]);
      const rest = await read(`?after=${first.next}`);
      expect(rest.lines.map(({ message }) => message)).toEqual(["three"]);
      expect(await read(`?after=${rest.next}`)).toEqual({ lines: [], next: rest.next });
      expectError(await get(`/api/v1/runs/${lease.runId}/logs?after=x`), 400);
      await agent.complete(lease);
    });

    test("200 explains why a run is where it is", async () => {
      const p = platform();
      await deploy(p, [
        ...[{ id: "hello" }, { id: "other" }, { id: "folder/task" }],
        { id: "narrow", queue: { name: "narrow", concurrencyLimit: 1 } },
      ]);
      const code = async (id: string) => {
        const found = await explanation(p, id);
        expect(found.sentence).toMatch(/\.$/);
        return found.code;
      };
      const agent = await FakeAgent.enrol(p);
      const first = await agent.execute("narrow");
      expect(await code(first.runId)).toBe("executing");
      const blocked = await trigger(p, "narrow");
      expect(await code(blocked)).toBe("queue_limit");
      const delayed = await trigger(p, "hello", { delay: "1h" });
      expect(await code(delayed)).toBe("delayed");
      await cancel(delayed);
      expect(await code(delayed)).toBe("final");
      const child = await trigger(p, "hello", {
        parentRunId: first.runId,
        resumeParentOnCompletion: true,
        delay: "1h",
      });
      await agent.report([{ ...fenceOf(first), kind: "waiting", waits: [{ kind: "run", runId: child }] }]);
      expect(await code(first.runId)).toBe("waiting_for_run");
      const leased = await agent.lease(blocked);
      expect(await code(blocked)).toBe("starting");
      await agent.report([{ ...fenceOf(leased), kind: "released", reason: "no image", retryable: true }]);
      expect(["retry_scheduled", "next", "queue_limit"]).toContain(await code(blocked));
      await cancel(child);
      await cancel(blocked);
      await cancel(first.runId);
    });
  });
};
