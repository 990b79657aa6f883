import { ApiKeyList } from "@longshore/shared/contract/credentials";
import { decodeJwt } from "jose";
import { describe, expect, test } from "vitest";
import { call, expectError, trigger, until } from "../client.ts";
import type { Platform } from "../platforms.ts";
import { createKey, createPersonal, createPublic, sign, signIn } from "../wrong-credentials.ts";

/** Making, using and ending keys and tokens. */
export const accessCases = (platform: () => Platform) =>
  describe("keys and tokens", () => {
    const api = (method: string, path: string, token: string, json?: unknown, headers = {}) =>
      call(platform(), method, path, { token, headers, ...(json === undefined ? {} : { json }) });
    const own = (method: string, path: string, json?: unknown) => api(method, path, platform().apiKey, json);
    const run = (token: string, headers = {}, task = "hello") =>
      api("POST", `/api/v1/tasks/${task}/trigger`, token, {}, headers);

    test("a new key is shown once, works at once, and is listed by its last characters", async () => {
      const made = await createKey(platform(), { name: "ci" });
      expect(made.key).toMatch(/^tr_(dev|stg|prod)_sk_[0-9a-zA-Z]{24}$/);
      expect(made).toMatchObject({ name: "ci", scopes: null, status: "active", hint: made.key.slice(-4) });
      await trigger(platform(), "hello", {}, {}, made.key);
      const { text, json } = await own("GET", "/api/v1/api-keys");
      expect(text).not.toContain(made.key);
      expect(ApiKeyList.parse(json).data.find(({ id }) => id === made.id)).toMatchObject({ name: "ci" });
    });

    test("presets: one triggers and reads no run, one reads and triggers nothing", async () => {
      const triggers = await createKey(platform(), { preset: "trigger-only" });
      expect((await run(triggers.key)).status).toBe(200);
      expectError(await api("GET", "/api/v1/runs", triggers.key), 403);
      const reads = await createKey(platform(), { preset: "read-only" });
      expect((await api("GET", "/api/v1/runs", reads.key)).status).toBe(200);
      expectError(await run(reads.key), 403);
      const one = await createKey(platform(), { scopes: ["trigger:tasks:hello"] });
      expect((await run(one.key)).status).toBe(200);
      expectError(await run(one.key, {}, "other"), 403);
    });

    test("a key makes no key that may do more than itself", async () => {
      const { key } = await createKey(platform(), { scopes: ["write:apiKeys", "read:runs"] });
      const wish = (json: object) => api("POST", "/api/v1/api-keys", key, { name: "more", ...json });
      expect(expectError(await wish({ scopes: ["read:runs", "write:runs"] }), 403)).toMatchObject({
        code: "scopes_exceed_key_access",
        deniedScopes: ["write:runs"],
      });
      expectError(await wish({ preset: "full" }), 403, "scopes_exceed_key_access");
      expect((await wish({ scopes: ["read:runs:run_1"] })).json).toMatchObject({
        scopes: ["read:runs:run_1"],
      });
      expect((await wish({})).json).toMatchObject({ scopes: ["write:apiKeys", "read:runs"] });
    });

    test("a revoked key works until its grace is over, and a second call may end the grace", async () => {
      const { id, key } = await createKey(platform());
      const revoke = (json?: object) => own("POST", `/api/v1/api-keys/${id}/revoke`, json);
      expect((await revoke({ graceSeconds: 600 })).json).toMatchObject({ id, status: "grace" });
      expect((await run(key)).status).toBe(200);
      expect((await revoke({ graceSeconds: 1 })).json).toMatchObject({ status: "grace" });
      await until(
        () => run(key),
        ({ status }) => status === 401,
      );
      expect((await revoke({ graceSeconds: 600 })).json).toMatchObject({ id, status: "revoked" });
      const other = await createKey(platform());
      expect((await own("POST", `/api/v1/api-keys/${other.id}/revoke`)).json).toMatchObject({
        status: "revoked",
      });
      expectError(await run(other.key), 401);
    });

    test("tokens end with the key they were made with, also those made for a token's holder", async () => {
      const { id, key } = await createKey(platform());
      const token = await createPublic(platform(), { scopes: ["trigger:tasks", "read:all"] }, key);
      const triggered = await api("POST", "/api/v1/tasks/hello/trigger", token, { payload: {} });
      expect(triggered.status).toBe(200);
      const handle = triggered.headers.get("x-trigger-jwt") ?? "";
      const read = () => api("GET", `/api/v3/runs/${(triggered.json as { id: string }).id}`, handle);
      expect((await read()).status).toBe(200);
      await own("POST", `/api/v1/api-keys/${id}/revoke`, { graceSeconds: 600 });
      expect([(await run(token)).status, (await read()).status]).toEqual([200, 200]);
      await own("POST", `/api/v1/api-keys/${id}/revoke`);
      expectError(await run(token), 401);
      expectError(await read(), 401);
    });

    test("a key that is another environment's cannot be ended: 404", async () => {
      const { id } = await createKey(platform());
      expectError(await api("POST", `/api/v1/api-keys/${id}/revoke`, platform().otherKey), 404, "not_found");
    });

    test.each([
      { name: "" },
      { name: "x".repeat(101) },
      { preset: "none" },
      { scopes: [] },
      { scopes: ["a\u0001"] },
      { preset: "full", scopes: ["read:runs"] },
      { expiresAt: "soon" },
      { expiresAt: "2001-01-01T00:00:00Z" },
    ])("400 for a key with %j", async (over) => {
      expectError(await own("POST", "/api/v1/api-keys", { name: "bad", ...over }), 400);
    });

    test("public tokens carry what was asked, for as long as asked", async () => {
      const claims = async (json: object) =>
        decodeJwt(await createPublic(platform(), { scopes: ["read:runs"], ...json }));
      const life = ({ exp = 0, iat = 0 }: { exp?: number; iat?: number }) => exp - iat;
      const plain = await claims({ realtime: { skipColumns: ["payload"] } });
      expect(plain).toMatchObject({
        iss: "https://id.trigger.dev",
        aud: "https://api.trigger.dev",
        sub: platform().environmentId,
        pub: true,
        scopes: ["read:runs"],
        realtime: { skipColumns: ["payload"] },
      });
      expect(life(plain)).toBe(900);
      expect(life(await claims({ expirationTime: "2 hours" }))).toBe(7_200);
      expect(life(await claims({ expirationTime: "30d" }))).toBe(2_592_000);
      const inAnHour = Math.floor(Date.now() / 1_000) + 3_600;
      for (const expirationTime of [inAnHour, new Date(inAnHour * 1_000).toISOString()])
        expect(Math.abs((await claims({ expirationTime })).exp! - inAnHour)).toBeLessThanOrEqual(1);
    });

    test.each(["31d", "tomorrow", "", "2001-01-01", 1, "15 parsecs", 9e15])(
      "400 for a public token that expires %j",
      async (expirationTime) => {
        const json = { scopes: ["read:runs"], expirationTime };
        expectError(await own("POST", "/api/v1/auth/public-tokens", json), 400, "bad_request");
      },
    );

    test("a public token has no right that its key lacks, and the denied ones are named", async () => {
      const { key } = await createKey(platform(), { scopes: ["read:runs", "trigger:tasks:hello"] });
      const mint = (scopes: string[]) => api("POST", "/api/v1/auth/public-tokens", key, { scopes });
      expect((await mint(["read:runs:run_1", "trigger:tasks:hello"])).status).toBe(200);
      const {
        error: _,
        requestId: __,
        ...rest
      } = expectError(await mint(["read:runs", "trigger:tasks", "admin"]), 403);
      expect(rest).toEqual({ code: "scopes_exceed_key_access", deniedScopes: ["trigger:tasks", "admin"] });
      expectError(await mint([]), 400);
    });

    test("the claims of an environment are its id", async () => {
      expect((await own("POST", "/api/v1/auth/jwt/claims")).json).toEqual({
        sub: platform().environmentId,
        pub: true,
      });
    });

    test("what a token says of realtime feeds is said by the token of its run", async () => {
      const realtime = { skipColumns: ["output"] };
      const token = await createPublic(platform(), { scopes: ["trigger:tasks"], realtime });
      const { headers } = await run(token);
      expect(decodeJwt(headers.get("x-trigger-jwt") ?? "")).toMatchObject({ realtime });
      expect(JSON.parse(headers.get("x-trigger-jwt-claims") ?? "{}")).toMatchObject({ realtime });
    });

    test("a one-time token triggers once; a repeated request gets the same run, with any key in its body", async () => {
      const scopes = ["trigger:tasks:hello"];
      const token = await createPublic(platform(), { scopes, oneTimeUse: true });
      const request = { "x-trigger-request-idempotency-key": crypto.randomUUID() };
      const first = await run(token, request);
      expect(first.status).toBe(200);
      const body = { options: { idempotencyKey: crypto.randomUUID() } };
      const again = await api("POST", "/api/v1/tasks/hello/trigger", token, body, request);
      expect(again.json).toMatchObject({ id: (first.json as { id: string }).id });
      expect(expectError(await run(token), 401, "unauthorized").error).toContain("used already");
      expectError(await run(token, { "x-trigger-request-idempotency-key": "other" }), 401);
      expectError(await run(token, request, "other"), 401);
    });

    test("of many requests at once with one one-time token, one is let through", async () => {
      const token = await createPublic(platform(), { scopes: ["trigger:tasks"], oneTimeUse: true });
      const answers = await Promise.all(Array.from({ length: 8 }, () => run(token)));
      expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array(7).fill(401)]);
    });

    test("two one-time tokens made alike are two", async () => {
      const wish = { scopes: ["trigger:tasks"], oneTimeUse: true };
      for (const token of [await createPublic(platform(), wish), await createPublic(platform(), wish)])
        expect((await run(token)).status).toBe(200);
    });

    test("a run is read through its id, its task or one of its tags", async () => {
      const id = await trigger(platform(), "hello", { tags: ["user:1"] });
      const read = async (scope: string) =>
        (await api("GET", `/api/v3/runs/${id}`, await sign(platform(), platform().environmentId, [scope])))
          .status;
      for (const scope of [`read:runs:${id}`, "read:tasks:hello", "read:tags:user:1", "read:all"])
        expect([scope, await read(scope)]).toEqual([scope, 200]);
      for (const scope of ["read:runs:run_other", "read:tasks:other", "read:tags:user", "read:batch:x"])
        expect([scope, await read(scope)]).toEqual([scope, 403]);
    });

    test("personal tokens are made from a session, listed without themselves, and end at once", async () => {
      const { cookie } = await signIn(platform());
      const made = await createPersonal(platform(), cookie, { name: "laptop" });
      expect(made.token).toMatch(/^tr_pat_[0-9a-zA-Z]{40}$/);
      const headers = { cookie };
      const list = await call(platform(), "GET", "/api/v1/session/tokens", { headers });
      expect(list.text).not.toContain(made.token);
      expect(list.text).toContain(made.id);
      const path = `/api/v1/session/tokens/${made.id}`;
      const ended = await call(platform(), "DELETE", path, { headers });
      expect(ended.json).toMatchObject({ id: made.id, status: "revoked" });
      expectError(await call(platform(), "DELETE", "/api/v1/session/tokens/pat_none", { headers }), 404);
      const json = { name: "late", expiresAt: "2001-01-01T00:00:00Z" };
      expectError(await call(platform(), "POST", "/api/v1/session/tokens", { headers, json }), 400);
    });
  });
