import { request as httpRequest } from "node:http";
import { signToken } from "@longshore/edge-api/services/tokens";
import { bundleBytesMax } from "@longshore/shared/contract/deployments";
import { describe, expect, test } from "vitest";
import { announce, call, expectError, FakeAgent, hashOf, retrieve, trigger } from "../client.ts";
import type { Platform } from "../platforms.ts";

/** What a caller may not do, however it asks. */
export const limitCases = (platform: () => Platform) =>
  describe("limits", () => {
    const path = "/api/v1/tasks/hello/trigger";
    const post = (json: unknown, headers: Record<string, string> = {}) =>
      call(platform(), "POST", path, { token: platform().apiKey, json, headers });

    test.each([
      ["POST", "/api/v1/session/sign-in", 64 * 1024],
      ["POST", "/agent/v1/enrol", 64 * 1024],
      ["PUT", `/api/v1/bundles/${"a".repeat(64)}`, bundleBytesMax + 1],
    ])("413 for a body over the limit of %s %s, by its head alone", async (method, route, bytes) => {
      const headers = {
        authorization: `Bearer ${platform().apiKey}`,
        "content-type": "application/json",
        "content-length": String(bytes),
      };
      expect(await announce(platform(), method, route, headers)).toMatchObject({ status: 413 });
    });

    test("413 for a body that does not announce its length", async () => {
      const status = await new Promise<number>((resolve, reject) => {
        // A connection of its own: the server ends it with the answer, and nobody else should find it ended.
        const options = { method: "POST", agent: false, headers: { "content-type": "application/json" } };
        const request = httpRequest(`${platform().url}/api/v1/session/sign-in`, options, (response) => {
          response.resume();
          resolve(response.statusCode ?? 0);
          request.destroy();
        });
        request.on("error", reject);
        for (let i = 0; i < 8; i++) request.write("x".repeat(8 * 1024));
        request.end();
      });
      expect(status).toBe(413);
    });

    test("an idempotency key of many bytes is kept and found again", async () => {
      const idempotencyKey = "漢".repeat(2_048);
      const first = await post({ options: { idempotencyKey } });
      const second = await post({ options: { idempotencyKey } });
      expect(first).toMatchObject({ status: 200, json: { isCached: false } });
      expect(second.json).toEqual({ ...(first.json as object), isCached: true });
      expectError(await post({}, { "idempotency-key": "k".repeat(2_049) }), 422);
      expectError(await post({ options: { concurrencyKey: "k".repeat(513) } }), 400);
    });

    test("every id that concurrent triggers with crossing keys answer is a run", async () => {
      const headers = { "x-trigger-request-idempotency-key": crypto.randomUUID() };
      const answers = await Promise.all(
        Array.from({ length: 12 }, (_, i) =>
          post({ options: { idempotencyKey: `${crypto.randomUUID()}-${i}` } }, headers),
        ),
      );
      for (const { status, json } of answers) {
        expect(status).toBe(200);
        await retrieve(platform(), (json as { id: string }).id);
      }
    });

    test("413 for metadata over 256 KB, and 422 for a payload nested beyond all use", async () => {
      expectError(await post({ options: { metadata: { text: "x".repeat(257 * 1024) } } }), 413);
      const deep = `{"payload":${"[".repeat(50_000)}${"]".repeat(50_000)}}`;
      const headers = { "content-type": "application/json" };
      const answer = await call(platform(), "POST", path, { token: platform().apiKey, body: deep, headers });
      expect([200, 422]).toContain(answer.status);
    });

    test.each(["region", "bulkAction", "schedule", "batch", "error"])(
      "a list by a %s that no run has is empty",
      async (filter) => {
        await trigger(platform(), "hello");
        const answer = await call(platform(), "GET", `/api/v1/runs?filter[${filter}]=none`, {
          token: platform().apiKey,
        });
        expect(answer).toMatchObject({ status: 200, json: { data: [] } });
      },
    );

    test("a list by several tasks needs a right to each", async () => {
      const { secret, environmentId } = platform();
      const token = await signToken(
        { secret },
        environmentId,
        { pub: true, scopes: ["read:tasks:hello"] },
        60,
      );
      const list = (tasks: string) =>
        call(platform(), "GET", `/api/v1/runs?filter[taskIdentifier]=${tasks}`, { token });
      expect((await list("hello")).status).toBe(200);
      expectError(await list("hello,other"), 403);
      expectError(await call(platform(), "GET", "/api/v1/runs", { token }), 403);
    });

    test("a run's own token cannot change what the environment executes, or who does", async () => {
      const agent = await FakeAgent.enrol(platform());
      const { runToken: token, runId, epoch } = await agent.execute("hello");
      expect((await call(platform(), "GET", `/api/v3/runs/${runId}`, { token })).status).toBe(200);
      const bytes = new TextEncoder().encode("code");
      const bundle = { token, body: bytes, headers: { "content-type": "application/gzip" } };
      expectError(await call(platform(), "PUT", `/api/v1/bundles/${hashOf(bytes)}`, bundle), 403);
      expectError(
        await call(platform(), "POST", "/api/v1/deployments/deployment_none/promote", { token }),
        403,
      );
      expectError(await call(platform(), "POST", "/api/v1/agents/enrol-tokens", { token }), 403);
      await agent.report([{ kind: "canceled", runId, epoch, executedMs: 1 }]);
      expectError(await call(platform(), "GET", `/api/v3/runs/${runId}`, { token }), 401);
    });
  });
