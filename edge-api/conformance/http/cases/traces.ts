import { RunTrace, RunTracePage, SpanDetail } from "@longshore/shared/contract/traces";
import { describe, expect, test } from "vitest";
import { call, expectError, FakeAgent, fenceOf, trigger } from "../client.ts";
import type { Platform } from "../platforms.ts";

/** A run's trace in its two forms, and one span of it. */
export const traceCases = (platform: () => Platform) =>
  describe("traces", () => {
    const get = (path: string, token = platform().apiKey) => call(platform(), "GET", path, { token });
    const treeOf = async (id: string) => RunTrace.parse((await get(`/api/v1/runs/${id}/trace`)).json).trace;
    const pageOf = async (id: string, query: string) =>
      RunTracePage.parse((await get(`/api/v1/runs/${id}/trace?${query}`)).json);

    /** A run that failed once, then triggered another one, logged and completed. */
    const family = async () => {
      const agent = await FakeAgent.enrol(platform());
      const first = await agent.execute("hello", { maxAttempts: 2 });
      const error = {
        type: "BUILT_IN_ERROR" as const,
        name: "TypeError",
        message: "no",
        stackTrace: "TypeError: no",
      };
      await agent.report([
        { ...fenceOf(first), kind: "failed", error, retry: { delayMs: 0 }, executedMs: 1 },
      ]);
      const lease = await agent.lease(first.runId);
      await agent.report([{ ...fenceOf(lease), kind: "started" }]);
      const child = await trigger(platform(), "other", { parentRunId: lease.runId });
      const at = new Date().toISOString();
      const line = { seq: 0, attempt: 2, at, level: "info", stream: "stdout", message: "a line" } as const;
      await agent.report([{ ...fenceOf(lease), kind: "log", lines: [line] }]);
      await agent.complete(lease, '{"n":1}');
      return { id: lease.runId, child };
    };

    test("200 a tree of runs, attempts and what they triggered", async () => {
      const { id, child } = await family();
      const { traceId, rootSpan } = await treeOf(id);
      expect(traceId).toMatch(/^[0-9a-f]{32}$/);
      expect(rootSpan).toMatchObject({
        runId: id,
        data: {
          message: "hello",
          taskSlug: "hello",
          queueName: "task/hello",
          isPartial: false,
          output: { n: 1 },
        },
        children: [
          { data: { message: "Attempt 1", isError: true, events: [{ name: "exception" }] } },
          {
            data: {
              message: "Attempt 2",
              isError: false,
              events: [{ name: "log", properties: { message: "a line" } }],
            },
            children: [{ runId: child, data: { message: "other", isPartial: true } }],
          },
        ],
      });
      expect(rootSpan.data.events?.map(({ name }) => name)).toEqual(
        expect.arrayContaining(["trigger", "complete"]),
      );
      expect((await treeOf(child)).traceId).toBe(traceId);
      const again = await treeOf(id);
      expect(again.rootSpan.children.map((span) => span.id)).toEqual(
        rootSpan.children.map((span) => span.id),
      );
    });

    test("200 the same spans flat, by pages", async () => {
      const { id } = await family();
      const whole = await pageOf(id, "page[size]=10000");
      expect(whole.data.map(({ message }) => message).sort()).toEqual([
        "Attempt 1",
        "Attempt 2",
        "hello",
        "other",
      ]);
      const failed = whole.data.find(({ isError }) => isError);
      expect(whole.attemptFailures).toEqual([{ spanId: failed?.id, attemptNumber: 1, runId: id }]);
      expect(whole.pagination).toEqual({});
      const first = await pageOf(id, "page[size]=3");
      const second = await pageOf(id, `page[size]=3&page[after]=${first.pagination.next}`);
      const ids = (page: RunTracePage) => page.data.map((span) => span.id);
      expect([...ids(first), ...ids(second)]).toEqual(ids(whole));
      expect(second.pagination.next).toBeUndefined();
    });

    test("200 one span with what it triggered", async () => {
      const { id, child } = await family();
      const { rootSpan } = await treeOf(id);
      const attempt = rootSpan.children[1];
      const detail = SpanDetail.parse((await get(`/api/v1/runs/${id}/spans/${attempt?.id}`)).json);
      expect(detail).toMatchObject({
        ...{ spanId: attempt?.id, parentId: rootSpan.id, runId: id, message: "Attempt 2", isPartial: false },
        triggeredRuns: [{ runId: child, taskIdentifier: "other", status: "QUEUED" }],
      });
      expectError(await get(`/api/v1/runs/${id}/spans/none`), 404, "not_found");
    });

    test("400 for a page that is none, 404 for another environment's run", async () => {
      const id = await trigger(platform(), "hello");
      for (const query of ["page[size]=0", "page[size]=10001", "page[after]=x"])
        expectError(await get(`/api/v1/runs/${id}/trace?${query}`), 400);
      expectError(await get(`/api/v1/runs/${id}/trace`, platform().otherKey), 404, "not_found");
      expectError(await get(`/api/v1/runs/${id}/spans/x`, platform().otherKey), 404, "not_found");
    });
  });
