import { describe, expect, test } from "vitest";
import { call, deploy, expectError, FakeAgent, fenceOf, retrieve, trigger, until } from "../client.ts";
import type { Platform } from "../platforms.ts";
import { agentIsListed } from "./agent.ts";

/** What agents do with runs: claims, reports, waits and orders, spoken by hand. */
export const agentRunCases = (platform: () => Platform) =>
  describe("agent and runs", () => {
    const cancel = (id: string) =>
      call(platform(), "POST", `/api/v2/runs/${id}/cancel`, { token: platform().apiKey });

    test("a parked poll is released by a trigger, long before its hold is over", async () => {
      const agent = await FakeAgent.enrol(platform());
      await until(
        () => agent.poll(50),
        ({ leases }) => leases.length === 0,
      );
      const startedAt = Date.now();
      const parked = until(
        () => agent.poll(1, 24_000),
        ({ leases }) => leases.length > 0,
      );
      await agentIsListed(platform(), agent.id);
      const id = await trigger(platform(), "hello");
      expect((await parked).leases).toMatchObject([{ runId: id, kind: "start", epoch: 1, task: "hello" }]);
      expect(Date.now() - startedAt).toBeLessThan(24_000);
    });

    test("a poll that is cut after it took a lease gets that lease again, and once acknowledged no more", async () => {
      const agent = await FakeAgent.enrol(platform());
      const id = await trigger(platform(), "hello");
      const lease = await agent.lease(id);
      const held = agent.held;
      agent.held = [];
      const again = await agent.poll(0);
      expect(again.leases.map(fenceOf)).toContainEqual(fenceOf(lease));
      agent.held = held;
      expect((await agent.poll(0)).leases).toEqual([]);
      agent.held = [];
      expect((await agent.poll(0)).leases).toEqual([]);
      await agent.report([{ ...fenceOf(lease), kind: "released", reason: "done testing", retryable: false }]);
    });

    test("a parked poll may be cut by its caller, and the next one works", async () => {
      const agent = await FakeAgent.enrol(platform());
      const cut = new AbortController();
      const parked = agent.poll(0, 20_000, cut.signal);
      await agentIsListed(platform(), agent.id);
      cut.abort();
      await expect(parked).rejects.toThrow();
      expect((await agent.poll(0)).orders).toEqual([]);
    });

    test("a repeated report changes nothing", async () => {
      const agent = await FakeAgent.enrol(platform());
      const { runId, epoch } = await agent.lease(await trigger(platform(), "hello"));
      const at = new Date().toISOString();
      const base = { runId, epoch, at };
      const facts = [
        {
          ...base,
          seq: 2,
          kind: "completed" as const,
          output: "1",
          outputType: "application/json" as const,
          executedMs: 7,
        },
        { ...base, seq: 1, kind: "started" as const },
      ];
      expect((await agent.send(facts)).results).toMatchObject([
        { seq: 1, result: "moved" },
        { seq: 2, result: "moved" },
      ]);
      const repeated = await agent.send(facts);
      expect(repeated.results.find(({ seq }) => seq === 2)).toMatchObject({ result: "repeated" });
      expect(await retrieve(platform(), runId)).toMatchObject({
        status: "COMPLETED",
        output: 1,
        durationMs: 7,
      });
    });

    test("a stale epoch and another agent are refused, an unknown run is missing", async () => {
      const agent = await FakeAgent.enrol(platform());
      const stranger = await FakeAgent.enrol(platform());
      const lease = await agent.execute("hello");
      const end = {
        kind: "completed" as const,
        output: null,
        outputType: "application/json" as const,
        executedMs: 1,
      };
      const stale = await agent.report([{ ...end, runId: lease.runId, epoch: 0 }]);
      expect(stale.results).toMatchObject([{ result: "refused" }]);
      expect((await stranger.complete(lease)).results).toMatchObject([{ result: "refused" }]);
      const missing = await agent.report([{ ...end, runId: "run_none", epoch: 1 }]);
      expect(missing.results).toMatchObject([{ result: "missing" }]);
      expect(await retrieve(platform(), lease.runId)).toMatchObject({ status: "EXECUTING" });
      agent.held = [fenceOf(lease)];
      await agent.complete(lease);
    });

    test("an agent that holds what is over is told to stop", async () => {
      const agent = await FakeAgent.enrol(platform());
      const lease = await agent.execute("hello");
      await agent.complete(lease);
      agent.held = [fenceOf(lease), { runId: "run_none", epoch: 3 }];
      const { orders } = await agent.poll(0);
      expect(orders.map(({ kind, runId }) => ({ kind, runId }))).toEqual(
        expect.arrayContaining([
          { kind: "stop", runId: lease.runId },
          { kind: "stop", runId: "run_none" },
        ]),
      );
    });

    test("a cancel releases a parked poll with the order", async () => {
      const agent = await FakeAgent.enrol(platform());
      const lease = await agent.execute("hello");
      const parked = until(
        () => agent.poll(0, 20_000),
        ({ orders }) => orders.length > 0,
      );
      await cancel(lease.runId);
      expect((await parked).orders).toMatchObject([{ kind: "cancel", runId: lease.runId, epoch: 1 }]);
      expect((await agent.poll(0)).orders).toHaveLength(1);
      // An agent that says it is at it is not told again, or its polls would all be answered at once.
      agent.held = agent.held.map((held) => ({ ...held, isEnding: true }));
      expect((await agent.poll(0)).orders).toEqual([]);
      await agent.report([{ ...fenceOf(lease), kind: "canceled", executedMs: 0 }]);
    });

    test("what is due is found by an agent that always has an order to hear", async () => {
      const agent = await FakeAgent.enrol(platform());
      const lease = await agent.execute("hello");
      await call(platform(), "POST", `/api/v2/runs/${lease.runId}/cancel`, { token: platform().apiKey });
      const delayed = await trigger(platform(), "hello", { delay: "1s" });
      const found = await until(
        async () => (await agent.poll(10, 500)).leases.map(({ runId }) => runId),
        (ids) => ids.includes(delayed),
      );
      expect(found).toContain(delayed);
      await agent.report([{ ...fenceOf(lease), kind: "canceled", executedMs: 1 }]);
    });

    test("a parent waits for its child without a slot and continues with the child's output", async () => {
      const agent = await FakeAgent.enrol(platform());
      const parent = await agent.execute("hello");
      const options = { parentRunId: parent.runId, resumeParentOnCompletion: true };
      const childId = await trigger(platform(), "hello", options);
      const waiting = {
        ...fenceOf(parent),
        kind: "waiting" as const,
        waits: [{ kind: "run" as const, runId: childId }],
      };
      expect((await agent.report([waiting])).results).toMatchObject([{ result: "moved" }]);
      expect(await retrieve(platform(), parent.runId)).toMatchObject({ status: "WAITING", isWaiting: true });
      const child = await agent.lease(childId);
      await agent.report([{ ...fenceOf(child), kind: "started" }]);
      await agent.complete(child, '{"from":"child"}');
      const continued = await agent.lease(parent.runId);
      expect(continued).toMatchObject({
        ...{ kind: "continue", epoch: 2, attempt: 1 },
        waits: [
          { kind: "run", ok: true, runId: childId, taskIdentifier: "hello", output: '{"from":"child"}' },
        ],
      });
      await agent.complete(continued);
      expect(await retrieve(platform(), parent.runId)).toMatchObject({ status: "COMPLETED" });
    });

    test("a wait for a child that is over is ready at once, and again when the report is repeated", async () => {
      const agent = await FakeAgent.enrol(platform());
      const parent = await agent.execute("hello");
      const child = await agent.execute("hello", {
        parentRunId: parent.runId,
        resumeParentOnCompletion: true,
      });
      await agent.complete(child);
      const waits = [{ kind: "run" as const, runId: child.runId }];
      const fact = {
        ...fenceOf(parent),
        kind: "waiting" as const,
        seq: 50,
        at: new Date().toISOString(),
        waits,
      };
      for (const _ of [1, 2])
        expect((await agent.send([fact])).results).toMatchObject([
          { result: "ready", waits: [{ output: '"done"' }] },
        ]);
      await agent.complete(parent);
      expect(await retrieve(platform(), parent.runId)).toMatchObject({ status: "COMPLETED" });
    });

    test("a wait until a moment continues after it", async () => {
      const agent = await FakeAgent.enrol(platform());
      const lease = await agent.execute("hello");
      const at = new Date(Date.now() + 1_000).toISOString();
      const id = `waitpoint_${lease.runId}`;
      await agent.report([{ ...fenceOf(lease), kind: "waiting", waits: [{ kind: "time", id, at }] }]);
      const continued = await agent.lease(lease.runId);
      expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(at) - 50);
      expect(continued).toMatchObject({
        kind: "continue",
        epoch: 2,
        waits: [{ id, kind: "time", ok: true }],
      });
      await agent.complete(continued);
    });

    test("a failed attempt is tried again after its pause, and the second one succeeds", async () => {
      const agent = await FakeAgent.enrol(platform());
      const lease = await agent.execute("hello");
      const error = { type: "BUILT_IN_ERROR" as const, name: "E", message: "first\0", stackTrace: "at x" };
      await agent.report([
        { ...fenceOf(lease), kind: "failed", error, retry: { delayMs: 300 }, executedMs: 1 },
      ]);
      expect(await retrieve(platform(), lease.runId)).toMatchObject({ status: "EXECUTING", isQueued: false });
      const second = await agent.lease(lease.runId);
      expect(second).toMatchObject({ kind: "start", epoch: 2, attempt: 2 });
      await agent.report([{ ...fenceOf(second), kind: "started" }]);
      await agent.complete(second);
      expect(await retrieve(platform(), lease.runId)).toMatchObject({ status: "COMPLETED", attemptCount: 2 });
    });

    test("an attempt that may not be tried again fails, with its error", async () => {
      const agent = await FakeAgent.enrol(platform());
      const lease = await agent.execute("hello");
      const error = { type: "STRING_ERROR" as const, raw: "no" };
      await agent.report([
        { ...fenceOf(lease), kind: "failed", error, retry: { skip: true, delayMs: 1e300 }, executedMs: 1 },
      ]);
      expect(await retrieve(platform(), lease.runId)).toMatchObject({
        status: "FAILED",
        error: { message: "no" },
      });
    });

    test("a pause beyond all time is a long pause, not an error", async () => {
      const agent = await FakeAgent.enrol(platform());
      const lease = await agent.execute("hello");
      const error = { type: "STRING_ERROR" as const, raw: "no" };
      const { results } = await agent.report([
        { ...fenceOf(lease), kind: "failed", error, retry: { delayMs: 1e300 }, executedMs: 1 },
      ]);
      expect(results).toMatchObject([{ result: "moved" }]);
      await cancel(lease.runId);
    });

    test("a run's own token acts for it while its lease stands, and no longer", async () => {
      const p = platform();
      const agent = await FakeAgent.enrol(p);
      const lease = await agent.execute("hello");
      const token = lease.runToken;
      expect((await call(p, "GET", `/api/v3/runs/${lease.runId}`, { token })).status).toBe(200);
      expectError(await call(p, "POST", "/api/v1/agents/enrol-tokens", { token }), 403);
      await agent.complete(lease);
      expectError(await call(p, "GET", `/api/v3/runs/${lease.runId}`, { token }), 401, "unauthorized");
    });

    test("a report takes the next work along", async () => {
      const agent = await FakeAgent.enrol(platform());
      const lease = await agent.execute("hello");
      const next = await trigger(platform(), "hello");
      const facts = {
        ...fenceOf(lease),
        kind: "completed" as const,
        output: null,
        outputType: "application/json" as const,
      };
      const { leases } = await agent.report([{ ...facts, executedMs: 1 }], 50);
      expect(leases.map(({ runId }) => runId)).toContain(next);
    });

    test("a bundle is fetched by an agent of the pool that serves it, and by no stranger", async () => {
      const p = platform();
      const agent = await FakeAgent.enrol(p);
      const { bundleHash, bytes } = await deploy(p, [{ id: "x" }], { promote: false });
      const answer = await agent.get(`/agent/v1/bundles/${bundleHash}`);
      expect(answer.headers.get("content-type")).toBe("application/gzip");
      expect(new Uint8Array(await answer.arrayBuffer())).toEqual(bytes);
      expect((await agent.get(`/agent/v1/bundles/${"0".repeat(64)}`)).status).toBe(404);
      expect((await agent.get("/agent/v1/bundles/..%2F..%2Fetc")).status).toBe(400);
      expectError(await call(p, "GET", `/agent/v1/bundles/${bundleHash}`, { token: p.apiKey }), 426);
    });

    test("400 for a body that is no poll or report", async () => {
      const agent = await FakeAgent.enrol(platform());
      expectError(await agent.request("/agent/v1/poll", { ...agent.pollBody(0, 0), free: -1 }), 400);
      expectError(
        await agent.request("/agent/v1/report", { ...agent.state(0), facts: [{ kind: "odd" }] }),
        400,
      );
    });
  });
