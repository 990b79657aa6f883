import { newId } from "@longshore/shared/core/ids";
import { describe, expect, test } from "vitest";
import { call, deploy, expectError, FakeAgent, fenceOf, retrieve, trigger, until } from "../client.ts";
import type { Platform } from "../platforms.ts";

/** The protocol of agents, spoken by hand. */
export const agentCases = (platform: () => Platform) =>
  describe("agent", () => {
    const cancel = (id: string) =>
      call(platform(), "POST", `/api/v2/runs/${id}/cancel`, { token: platform().apiKey });

    test("an enrolment token works once: 401 afterwards", async () => {
      const p = platform();
      const made = await call(p, "POST", "/api/v1/agents/enrol-tokens", { token: p.apiKey });
      const { token } = made.json as { token: string };
      const json = { token, publicKey: "A".repeat(43), name: "na\0me", version: "1" };
      expect((await call(p, "POST", "/agent/v1/enrol", { json })).status).toBe(200);
      expectError(await call(p, "POST", "/agent/v1/enrol", { json }), 401, "enrol_token_invalid");
      const unknown = { ...json, token: "lse_unknown" };
      expectError(await call(p, "POST", "/agent/v1/enrol", { json: unknown }), 401, "enrol_token_invalid");
      expectError(await call(p, "POST", "/agent/v1/enrol", { json: { ...json, publicKey: "short" } }), 400);
    });

    test("426 for another version of the protocol, or none", async () => {
      const agent = await FakeAgent.enrol(platform());
      const headers = { "x-longshore-protocol": "2" };
      expectError(
        await agent.request("/agent/v1/poll", agent.pollBody(0, 0), { headers }),
        426,
        "upgrade_required",
      );
      const token = await agent.sign();
      expectError(await call(platform(), "POST", "/agent/v1/poll", { token, json: {} }), 426);
    });

    test.each([
      ["another audience", { audience: "https://api.trigger.dev" }],
      ["another issuer", { issuer: "agent_other" }],
      ["an age over fifteen minutes", { ageS: 1_200 }],
    ])("401 for a token with %s", async (_name, over) => {
      const agent = await FakeAgent.enrol(platform());
      const headers = { "x-longshore-protocol": "1" };
      const token = await agent.sign(over);
      const answer = await call(platform(), "POST", "/agent/v1/poll", {
        token,
        headers,
        json: agent.pollBody(0, 0),
      });
      expectError(answer, 401, "unauthorized");
    });

    test("401 agent_revoked from the moment it is revoked, also for a parked poll", async () => {
      const p = platform();
      const agent = await FakeAgent.enrol(p);
      const parked = agent.request("/agent/v1/poll", agent.pollBody(0, 20_000));
      await agentIsListed(p, agent.id);
      const revoked = await call(p, "POST", `/api/v1/agents/${agent.id}/revoke`, { token: p.apiKey });
      expect(revoked.json).toEqual({ id: agent.id });
      expectError(await parked, 401, "agent_revoked");
      expectError(await agent.request("/agent/v1/poll", agent.pollBody(0, 0)), 401, "agent_revoked");
      expectError(await call(p, "POST", "/api/v1/agents/agent_none/revoke", { token: p.apiKey }), 404);
    });

    const agentIsListed = (p: Platform, id: string) =>
      until(
        async () =>
          (await call(p, "GET", "/api/v1/agents", { token: p.apiKey })).json as {
            data: { id: string; slots: number }[];
          },
        ({ data }) => data.some((agent) => agent.id === id && agent.slots > 0),
      );

    test("409 for the older of two processes with one identity", async () => {
      const agent = await FakeAgent.enrol(platform());
      const older = agent.pollBody(0, 0);
      agent.bootId = "boot_zzzz";
      await agent.poll(0);
      const answer = await agent.request("/agent/v1/poll", older);
      expectError(answer, 409, "session_superseded");
      expect(answer.headers.get("x-should-retry")).toBe("false");
    });

    type Listed = {
      id: string;
      status: string;
      warm: number;
      isDrained: boolean;
      drainsItself: boolean;
      heldBack: string | null;
      lastError: { at: string; message: string } | null;
    };
    const listed = async (p: Platform, id: string): Promise<Listed | undefined> =>
      ((await call(p, "GET", "/api/v1/agents", { token: p.apiKey })).json as { data: Listed[] }).data.find(
        (agent) => agent.id === id,
      );

    test("what an agent says of itself is what people see of it", async () => {
      const p = platform();
      const agent = await FakeAgent.enrol(p);
      const at = "2026-11-01T00:00:00.000Z";
      const view = { warm: 3, heldBack: "the disk is full", lastError: { at, message: "no\0 space" } };
      const polled = await agent.request("/agent/v1/poll", { ...agent.pollBody(0, 0), ...view });
      expect(polled.status).toBe(200);
      expect(await listed(p, agent.id)).toMatchObject({
        warm: 3,
        heldBack: "the disk is full",
        lastError: { at, message: "no space" },
      });
      await agent.poll(0);
      expect(await listed(p, agent.id)).toMatchObject({ warm: 0, heldBack: null, lastError: null });
    });

    test("a drain reaches a parked agent at once, and so does its end; its own drain is not mistaken for one", async () => {
      const p = platform();
      const agent = await FakeAgent.enrol(p);
      await agent.poll(0);
      const change = (verb: string, id = agent.id) =>
        call(p, "POST", `/api/v1/agents/${id}/${verb}`, { token: p.apiKey });
      const poll = async (over: object, holdMs = 20_000) => {
        const body = { ...agent.pollBody(0, holdMs), ...over };
        return (await agent.request("/agent/v1/poll", body)).json as { settings: { drain: boolean } };
      };
      const parked = poll({});
      expect((await change("drain")).json).toEqual({ id: agent.id, isDrained: true });
      expect((await parked).settings.drain).toBe(true);
      expect(await listed(p, agent.id)).toMatchObject({ status: "draining", isDrained: true });

      const draining = poll({ draining: true });
      expect((await change("undrain")).json).toEqual({ id: agent.id, isDrained: false });
      expect((await draining).settings.drain).toBe(false);
      // One that drains by itself is not answered at once, again and again.
      const startedAt = performance.now();
      expect((await poll({ draining: true, drainsItself: true }, 700)).settings.drain).toBe(false);
      expect(performance.now() - startedAt).toBeGreaterThan(600);
      expect(await listed(p, agent.id)).toMatchObject({
        status: "draining",
        isDrained: false,
        drainsItself: true,
      });
      expectError(await change("drain", "agent_none"), 404, "not_found");
      await call(p, "POST", `/api/v1/agents/${agent.id}/revoke`, { token: p.apiKey });
      expectError(await change("drain"), 404, "not_found");
    });

    test("the scale hint counts what runs and what could", async () => {
      const p = platform();
      type Scale = { wanted: number; slots: number; free: number; running: number; queued: number };
      const scale = async () =>
        (await call(p, "GET", "/api/v1/agents/scale", { token: p.apiKey })).json as Scale;
      const agent = await FakeAgent.enrol(p);
      await agent.poll(0);
      const before = await scale();
      const ids = [await trigger(p, "hello"), await trigger(p, "hello")];
      const queued = await scale();
      expect(queued).toMatchObject({
        queued: before.queued + 2,
        wanted: before.wanted + 2,
        slots: before.slots,
      });
      await agent.lease(ids[1] as string);
      const taken = await scale();
      expect(taken).toMatchObject({
        running: before.running + 2,
        queued: before.queued,
        wanted: queued.wanted,
        free: queued.free - 2,
      });
      await agent.request("/agent/v1/poll", { ...agent.pollBody(0, 0), heldBack: "full" });
      expect((await scale()).slots).toBe(before.slots - 10);
      const over = { kind: "released" as const, reason: "done testing", retryable: false };
      await agent.report(agent.held.map(({ runId, epoch }) => ({ runId, epoch, ...over })));
      expect(await scale()).toMatchObject({ wanted: before.wanted });
    });

    test("runs that an agent's new process does not hold are lost at once and tried again", async () => {
      const agent = await FakeAgent.enrol(platform());
      const id = await trigger(platform(), "hello", { maxAttempts: 2 });
      const lease = await agent.lease(id);
      await agent.report([{ ...fenceOf(lease), kind: "started" }]);
      // The same process says less than it holds: a poll that was under way. Nothing follows from it.
      const held = agent.held;
      agent.held = [];
      await agent.poll(0);
      expect(await retrieve(platform(), id)).toMatchObject({ status: "EXECUTING" });
      agent.held = held;
      agent.cursor = null;
      await agent.poll(0);
      expect(await retrieve(platform(), id)).toMatchObject({ status: "EXECUTING" });
      agent.held = [];
      agent.cursor = null;
      agent.bootId = newId("boot");
      await agent.poll(0);
      const next = await agent.lease(id);
      expect(next).toMatchObject({ attempt: 2 });
      await agent.report([{ ...fenceOf(next), kind: "released", reason: "done testing", retryable: false }]);
    });

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
