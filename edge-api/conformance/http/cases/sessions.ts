import { Session } from "@longshore/shared/contract/dashboard";
import { describe, expect, test } from "vitest";
import { call, expectError, trigger } from "../client.ts";
import type { Platform } from "../platforms.ts";

/** Signing in, and what a session opens. */
export const sessionCases = (platform: () => Platform) =>
  describe("sessions", () => {
    const signIn = async () => {
      const token = await platform().signInToken();
      const answer = await call(platform(), "POST", "/api/v1/session/sign-in", { json: { token } });
      const setCookie = answer.headers.get("set-cookie") ?? "";
      return { token, answer, setCookie, cookie: setCookie.split(";")[0] ?? "" };
    };

    test("a link opens one session, with a cookie that scripts cannot read and other routes never get", async () => {
      const { token, answer, setCookie } = await signIn();
      expect(answer.status).toBe(200);
      expect(Session.parse(answer.json).environments.map(({ slug }) => slug)).toEqual(["dev", "prod", "stg"]);
      expect(setCookie).toMatch(/^longshore_session=lss_\w{48};/);
      for (const part of ["HttpOnly", "SameSite=Lax", "Path=/api/v1/session", "Max-Age=1209600"])
        expect(setCookie).toContain(part);
      const again = await call(platform(), "POST", "/api/v1/session/sign-in", { json: { token } });
      expectError(again, 401, "unauthorized");
      expect(again.headers.get("set-cookie")).toBeNull();
    });

    test("400 for a sign-in without a token", async () => {
      expectError(await call(platform(), "POST", "/api/v1/session/sign-in", { json: {} }), 400);
    });

    test("403 for what another page of the same site asks to be changed; programs say nothing of it and may", async () => {
      const { cookie } = await signIn();
      const end = (site: string) =>
        call(platform(), "DELETE", "/api/v1/session", { headers: { cookie, "sec-fetch-site": site } });
      for (const site of ["same-site", "cross-site"]) expectError(await end(site), 403);
      expect((await end("same-origin")).status).toBe(204);
    });

    test("the session is read with its cookie and ends with DELETE", async () => {
      const { cookie } = await signIn();
      const read = () => call(platform(), "GET", "/api/v1/session", { headers: { cookie } });
      expect((await read()).status).toBe(200);
      const ended = await call(platform(), "DELETE", "/api/v1/session", { headers: { cookie } });
      expect(ended.status).toBe(204);
      expectError(await read(), 401, "unauthorized");
      expectError(await call(platform(), "GET", "/api/v1/session"), 401);
    });

    test("the cookie opens no route of the API, and a key opens no session", async () => {
      const { cookie } = await signIn();
      expectError(await call(platform(), "GET", "/api/v1/runs", { headers: { cookie } }), 401);
      expectError(await call(platform(), "GET", "/api/v1/session", { token: platform().apiKey }), 401);
    });

    test("an environment's token works in that environment alone", async () => {
      const { cookie } = await signIn();
      const tokenFor = (id: string) =>
        call(platform(), "POST", `/api/v1/session/environments/${id}/token`, { headers: { cookie } });
      const { token } = (await tokenFor(platform().environmentId)).json as { token: string };
      const id = await trigger(platform(), "hello", {}, {}, token);
      const other = (await tokenFor(platform().otherEnvironmentId)).json as { token: string };
      expectError(await call(platform(), "GET", `/api/v3/runs/${id}`, { token: other.token }), 404);
      expectError(await tokenFor("env_none"), 404, "not_found");
      const enrolToken = await call(platform(), "POST", "/api/v1/agents/enrol-tokens", { token });
      expect(enrolToken).toMatchObject({ status: 200, json: { token: expect.stringMatching(/^lse_/) } });
    });
  });
