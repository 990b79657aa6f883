import { randomUUID } from "node:crypto";
import { CreateTokenResponse, WaitToken, WaitTokenList } from "@longshore/shared/contract/waitpoints";
import { describe, expect, test } from "vitest";
import { call, expectError, FakeAgent, fenceOf, until } from "../client.ts";
import type { Platform } from "../platforms.ts";

const tokens = "/api/v1/waitpoints/tokens";

/** Wait tokens, and waits that a run's own client announces. */
export const waitCases = (platform: () => Platform) =>
  describe("wait tokens", () => {
    const post = (path: string, json: unknown, token = platform().apiKey) =>
      call(platform(), "POST", path, { token, json });
    const make = async (json: object = {}): Promise<CreateTokenResponse> => {
      const answer = await post(tokens, json);
      expect({ status: answer.status, text: answer.text }).toMatchObject({ status: 200 });
      return CreateTokenResponse.parse(answer.json);
    };
    const read = async (id: string): Promise<WaitToken> => {
      const answer = await call(platform(), "GET", `${tokens}/${id}`, { token: platform().apiKey });
      expect({ status: answer.status, text: answer.text }).toMatchObject({ status: 200 });
      return WaitToken.parse(answer.json);
    };
    /** The address as this test reaches it. */
    const local = (url: string) => url.slice(new URL(url).origin.length);

    test("a token is made, found and completed once, by its own handle", async () => {
      const p = platform();
      const made = await post(tokens, { tags: ["a", "b", "a"], timeout: "1h" });
      const { id, isCached } = CreateTokenResponse.parse(made.json);
      expect({ id, isCached }).toEqual({ id: expect.stringMatching(/^waitpoint_/), isCached: false });
      expect(await read(id)).toMatchObject({
        status: "WAITING",
        tags: ["a", "b"],
        timeoutAt: expect.any(String),
      });
      const token = made.headers.get("x-trigger-jwt") ?? "";
      expect(JSON.parse(made.headers.get("x-trigger-jwt-claims") ?? "{}")).toMatchObject({
        scopes: [`write:waitpoints:${id}`],
      });
      expectError(await call(p, "GET", `${tokens}/${id}`, { token }), 403);
      const other = await make();
      expectError(await post(`${tokens}/${other.id}/complete`, { data: 1 }, token), 403);
      expect((await post(`${tokens}/${id}/complete`, { data: { x: 1 } }, token)).json).toEqual({
        success: true,
      });
      expect((await post(`${tokens}/${id}/complete`, { data: 2 })).json).toEqual({ success: true });
      expect(await read(id)).toMatchObject({
        ...{ status: "COMPLETED", output: '{"x":1}', outputType: "application/json", outputIsError: false },
      });
    });

    test("an idempotency key names the same token until it expires", async () => {
      const json = { idempotencyKey: randomUUID() };
      const made = await Promise.all(Array.from({ length: 5 }, () => make(json)));
      expect(new Set(made.map(({ id }) => id)).size).toBe(1);
      expect(made.filter(({ isCached }) => !isCached)).toHaveLength(1);
      expect(await read(made[0]?.id ?? "")).toMatchObject({
        ...{ idempotencyKey: json.idempotencyKey, idempotencyKeyExpiresAt: expect.any(String) },
      });
      const brief = { idempotencyKey: randomUUID(), idempotencyKeyTTL: "0s" };
      expect((await make(brief)).id).not.toBe((await make(brief)).id);
    });

    test("who has the callback address may complete it with any JSON, and nobody else", async () => {
      const p = platform();
      const { id, url } = await make();
      expect(url).toMatch(new RegExp(`/api/v1/waitpoints/tokens/${id}/callback/[0-9a-f]{64}$`));
      const wrong = local(url).replace(/.$/, (last) => (last === "0" ? "1" : "0"));
      expectError(await call(p, "POST", wrong, { json: 1 }), 401, "unauthorized");
      const { url: foreign } = await make();
      const swapped = local(url).replace(/[0-9a-f]{64}$/, foreign.slice(-64));
      expectError(await call(p, "POST", swapped, { json: 1 }), 401);
      expectError(await call(p, "POST", local(url), { body: "{" }), 400);
      // A body of no announced length, and of no type.
      const body = new ReadableStream<Uint8Array>({
        start(controller) {
          for (const part of ['{"a"', ":[1]}"]) controller.enqueue(new TextEncoder().encode(part));
          controller.close();
        },
      });
      const sent = await fetch(`${p.url}${local(url)}`, {
        method: "POST",
        body,
        duplex: "half",
      } as RequestInit);
      expect(await sent.json()).toEqual({ success: true });
      expect(await read(id)).toMatchObject({ status: "COMPLETED", output: '{"a":[1]}' });
    });

    test("a run waits for a token, and continues with what completed it", async () => {
      const agent = await FakeAgent.enrol(platform());
      const lease = await agent.execute("hello");
      const { id } = await make();
      const path = `/engine/v1/runs/${lease.runId}/waitpoints/tokens/${id}/wait`;
      const announced = await call(platform(), "POST", path, { token: lease.runToken });
      expect(announced.json).toEqual({ success: true });
      const waits = [{ kind: "token" as const, id }];
      expect((await agent.report([{ ...fenceOf(lease), kind: "waiting", waits }])).results).toMatchObject([
        { result: "moved" },
      ]);
      await post(`${tokens}/${id}/complete`, { data: "go" });
      const continued = await agent.lease(lease.runId);
      expect(continued).toMatchObject({
        kind: "continue",
        waits: [{ id, kind: "token", ok: true, output: '"go"' }],
      });
      // A token that is complete is no reason to wait.
      const again = await agent.report([{ ...fenceOf(continued), kind: "waiting", waits }]);
      expect(again.results).toMatchObject([{ result: "ready", waits: [{ id, ok: true }] }]);
      await agent.complete(continued);
    });

    test("422 for data with a number that no double holds, and the token stays open", async () => {
      const { id, url } = await make();
      const send = (at: string, body: string) =>
        call(platform(), "POST", at, {
          token: platform().apiKey,
          body,
          headers: { "content-type": "application/json" },
        });
      const completed = await send(`${tokens}/${id}/complete`, '{"data":{"a":1e400}}');
      expect(expectError(completed, 422).error).toContain("data.a");
      expect(expectError(await send(local(url), '{"a":1e400}'), 422).error).toContain("body.a");
      expect(await read(id)).toMatchObject({ status: "WAITING" });
    });

    test("data nested beyond all use is taken or refused, naming it", async () => {
      const { id } = await make();
      const body = `{"data":${"[".repeat(50_000)}${"]".repeat(50_000)}}`;
      const headers = { "content-type": "application/json" };
      const path = `${tokens}/${id}/complete`;
      const answer = await call(platform(), "POST", path, { token: platform().apiKey, body, headers });
      expect([200, 422]).toContain(answer.status);
      if (answer.status === 422) expect(expectError(answer, 422).error).toContain("data");
    });

    test("a token that times out says so to the run that waits for it", async () => {
      const agent = await FakeAgent.enrol(platform());
      const lease = await agent.execute("hello");
      const { id } = await make({ timeout: "1s" });
      await agent.report([{ ...fenceOf(lease), kind: "waiting", waits: [{ kind: "token", id }] }]);
      const continued = await agent.lease(lease.runId);
      expect(continued).toMatchObject({
        waits: [{ id, ok: false, error: { name: "WaitpointTimeoutError" } }],
      });
      const token = await read(id);
      expect(token).toMatchObject({ status: "TIMED_OUT", outputIsError: true });
      expect(JSON.parse(token.output ?? "")).toMatchObject({ code: "TRIGGER_WAITPOINT_TIMEOUT" });
      await agent.complete(continued);
    });

    test("a time that a run's own client announced is the one its agent waits for", async () => {
      const agent = await FakeAgent.enrol(platform());
      const lease = await agent.execute("hello");
      const at = new Date(Date.now() + 1_500).toISOString();
      const json = { date: at, idempotencyKey: randomUUID() };
      const path = `/engine/v1/runs/${lease.runId}/wait/duration`;
      const { waitUntil, waitpoint } = (await post(path, json, lease.runToken)).json as {
        waitUntil: string;
        waitpoint: { id: string };
      };
      expect(waitUntil).toBe(at);
      expect((await post(path, json, lease.runToken)).json).toEqual({ waitUntil, waitpoint });
      const waits = [{ kind: "time" as const, id: waitpoint.id, at }];
      expect((await agent.report([{ ...fenceOf(lease), kind: "waiting", waits }])).results).toMatchObject([
        { result: "moved" },
      ]);
      const continued = await agent.lease(lease.runId);
      expect(continued.waits).toMatchObject([{ id: waitpoint.id, kind: "time", ok: true }]);
      await agent.complete(continued);
    });

    test("a run cannot wait for another environment's token", async () => {
      const p = platform();
      const foreign = CreateTokenResponse.parse((await post(tokens, {}, p.otherKey)).json);
      const agent = await FakeAgent.enrol(p);
      const lease = await agent.execute("hello");
      const path = `/engine/v1/runs/${lease.runId}/waitpoints/tokens/${foreign.id}/wait`;
      expectError(await call(p, "POST", path, { token: lease.runToken }), 404);
      const wait = { ...fenceOf(lease), kind: "waiting" as const };
      for (const kind of ["token", "time"] as const) {
        const waits = [{ kind, id: foreign.id, at: new Date().toISOString() }];
        const answer = await agent.report([{ ...wait, waits: waits as { kind: "token"; id: string }[] }]);
        expect(answer.results).toMatchObject([{ result: "refused" }]);
      }
      expectError(await call(p, "GET", `${tokens}/${foreign.id}`, { token: p.apiKey }), 404);
      expectError(await post(`${tokens}/${foreign.id}/complete`, {}), 404);
    });

    test("tokens are listed by status, tag and key, in pages", async () => {
      const tag = randomUUID();
      const made = [];
      for (let i = 0; i < 3; i++) made.push((await make({ tags: [tag], idempotencyKey: `${tag}${i}` })).id);
      await post(`${tokens}/${made[1]}/complete`, {});
      const list = async (query: string) => {
        const answer = await call(platform(), "GET", `${tokens}?${query}`, { token: platform().apiKey });
        expect({ status: answer.status, text: answer.text }).toMatchObject({ status: 200 });
        return WaitTokenList.parse(answer.json);
      };
      const ids = async (query: string) => (await list(query)).data.map(({ id }) => id);
      expect(await ids(`filter[tags]=${tag}`)).toEqual([...made].reverse());
      expect(await ids(`filter[tags]=${tag}&filter[status]=COMPLETED,TIMED_OUT`)).toEqual([made[1]]);
      expect(await ids(`filter[idempotencyKey]=${tag}2&filter[createdAt][period]=1d`)).toEqual([made[2]]);
      const page = await list(`filter[tags]=${tag}&page[size]=2`);
      expect(page.data).toHaveLength(2);
      expect(await ids(`filter[tags]=${tag}&page[size]=2&page[after]=${page.pagination.next}`)).toEqual([
        made[0],
      ]);
      expectError(
        await call(platform(), "GET", `${tokens}?filter[status]=GONE`, { token: platform().apiKey }),
        400,
      );
      await until(
        () => ids(`filter[tags]=${tag}`),
        (found) => found.length === 3,
      );
    });

    test.each([
      ["a timeout that is none", { timeout: "soon" }, 422, "timeout"],
      ["a timeout beyond all time", { timeout: "1000000w" }, 422, "timeout"],
      ["more than ten tags", { tags: Array.from({ length: 11 }, (_, i) => `t${i}`) }, 422, "tags"],
      ["a tag that is a number", { tags: [1] }, 400, "tags"],
      [
        "a key's life that is none",
        { idempotencyKey: "k", idempotencyKeyTTL: "soon" },
        422,
        "idempotencyKeyTTL",
      ],
      ["a body over 10 KB", { idempotencyKey: "x".repeat(11_000) }, 413, "10240"],
    ])("4xx for %s, naming it", async (_name, json, status, word) => {
      expect(expectError(await post(tokens, json), status).error).toContain(word);
    });
  });
