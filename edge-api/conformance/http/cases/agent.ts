import { newId } from "@longshore/shared/core/ids";
import { describe, expect, test } from "vitest";
import { call, expectError, FakeAgent, fenceOf, retrieve, trigger, until } from "../client.ts";
import type { Platform } from "../platforms.ts";

/** Resolves when people see the agent, and so its poll is there. */
export const agentIsListed = (p: Platform, id: string) =>
  until(
    async () =>
      (await call(p, "GET", "/api/v1/agents", { token: p.apiKey })).json as {
        data: { id: string; slots: number }[];
      },
    ({ data }) => data.some((agent) => agent.id === id && agent.slots > 0),
  );

/** Enrolment, identity and what agents say of themselves, spoken by hand. */
export const agentCases = (platform: () => Platform) =>
  describe("agent", () => {
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

    test("a token that was good is not for longer than it says, and no other is for its sake", async () => {
      const agent = await FakeAgent.enrol(platform());
      const ask = (token: string) =>
        call(platform(), "POST", "/agent/v1/poll", {
          token,
          headers: { "x-longshore-protocol": "1" },
          json: agent.pollBody(0, 0),
        });
      // Fifteen minutes and the minute by which clocks may differ, but for three seconds.
      const old = await agent.sign({ ageS: 957 });
      expect((await ask(old)).status).toBe(200);
      const refused = await until(
        () => ask(old),
        ({ status }) => status !== 200,
      );
      expectError(refused, 401, "unauthorized");
      const good = await agent.sign();
      expect((await ask(good)).status).toBe(200);
      const [head, , signature] = good.split(".");
      const [, words] = (await agent.sign({ ageS: 60 })).split(".");
      expectError(await ask(`${head}.${words}.${signature}`), 401, "unauthorized");
      expect((await ask(good)).status).toBe(200);
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
      silence: { runsForMs: number; lostAfterMs: number };
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
      const polled = await agent.request("/agent/v1/poll", {
        ...agent.pollBody(0, 0),
        ...view,
        leaseMs: 305_000,
      });
      expect(polled).toMatchObject({ status: 200, json: { settings: { leaseMs: 305_000 } } });
      expect(await listed(p, agent.id)).toMatchObject({
        warm: 3,
        heldBack: "the disk is full",
        lastError: { at, message: "no space" },
        silence: { runsForMs: 300_000, lostAfterMs: 310_000 },
      });
      expect((await agent.poll(0)).settings.leaseMs).toBe(30_000);
      expect(await listed(p, agent.id)).toMatchObject({ warm: 0, heldBack: null, lastError: null });
      expect((await listed(p, agent.id))?.silence).toEqual({ runsForMs: 25_000, lostAfterMs: 35_000 });
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
      type Region = { region: string | null; slots: number; queued: number; cpus: number; memoryMb: number };
      type Scale = { wanted: number; slots: number; free: number; running: number; queued: number } & {
        regions: Region[];
      };
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
      const anywhere = ({ regions }: Scale) => regions.find(({ region }) => region === null);
      expect(anywhere(queued)).toMatchObject({ slots: before.slots, queued: queued.queued });
      expect((anywhere(queued)?.cpus ?? 0) - (anywhere(before)?.cpus ?? 0)).toBe(1);
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
  });
