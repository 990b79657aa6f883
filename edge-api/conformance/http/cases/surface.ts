import { routeSpecs } from "@longshore/edge-api/routes/specs";
import type { RouteSpec } from "@longshore/edge-api/routes/specs/spec";
import { describe, expect, test } from "vitest";
import { announce, call, expectError, FakeAgent } from "../client.ts";
import type { Platform } from "../platforms.ts";
import { createPersonal, signIn } from "../wrong-credentials.ts";

/** What holds for all routes together. */
export const surfaceCases = (platform: () => Platform) =>
  describe("surface", () => {
    test("a text that cannot be stored is refused, wherever it stands", async () => {
      const taskIdentifier = "a\0b";
      const token = platform().apiKey;
      const reset = await call(platform(), "POST", "/api/v1/idempotencyKeys/k/reset", {
        token,
        json: { taskIdentifier },
      });
      expectError(reset, 422, "unprocessable");
      const batch = await call(platform(), "POST", "/api/v1/tasks/batch", {
        token,
        json: { items: [{ task: taskIdentifier }] },
      });
      expect([200, 422]).toContain(batch.status);
    });

    test("/healthz says that the database answers", async () => {
      expect((await call(platform(), "GET", "/healthz")).json).toEqual({ ok: true });
    });

    test("/openapi.json lists exactly the routes there are", async () => {
      const { json } = await call(platform(), "GET", "/openapi.json");
      const { paths } = json as { paths: Record<string, Record<string, { operationId: string }>> };
      const listed = Object.entries(paths).flatMap(([path, item]) =>
        Object.keys(item).map((method) => `${method} ${path}`),
      );
      const specified = Object.values(routeSpecs).map(
        ({ method, path }) => `${method} ${path.replace(/:(\w+)/g, "{$1}")}`,
      );
      expect(listed.sort()).toEqual(specified.sort());
    });

    test("every listed route answers as a route, not as an unknown one", async () => {
      for (const { method, path } of Object.values(routeSpecs)) {
        const answer = await call(platform(), method.toUpperCase(), path.replace(/:\w+/g, "x"));
        expect(answer.text, path).not.toContain("There is no such route");
      }
    });

    test.each(["/api/v9/none", "/agent/v1/none", "/api/v1/tasks/hello"])(
      "404 for the unknown route %s",
      async (path) => {
        const answer = await call(platform(), "POST", path, { token: platform().apiKey, json: {} });
        expectError(answer, 404, "not_found");
        expect(answer.headers.get("x-should-retry")).toBe("false");
      },
    );

    test.each([
      ["POST", "/api/v1/deployments/none/finalise"],
      ["POST", "/api/v1/deployments/none/promote"],
      ["POST", "/api/v1/agents/none/revoke"],
    ])("404 for %s %s says that it is final", async (method, path) => {
      const answer = await call(platform(), method, path, { token: platform().apiKey });
      expectError(answer, 404, "not_found");
      expect(answer.headers.get("x-should-retry")).toBe("false");
    });

    test.each(["PUT", "DELETE", "PATCH"])(
      "404 in JSON for %s where there is no route at all",
      async (method) => {
        const answer = await call(platform(), method, "/openapi.json");
        expectError(answer, 404, "not_found");
        expect(answer.headers.get("x-should-retry")).toBe("false");
      },
    );

    test("browsers may call from anywhere, and may read why they were refused", async () => {
      const headers = { origin: "https://app.example", "access-control-request-method": "POST" };
      const preflight = await call(platform(), "OPTIONS", "/api/v1/tasks/hello/trigger", { headers });
      expect(preflight.status).toBe(204);
      expect(preflight.headers.get("access-control-allow-origin")).toBe("*");
      expect(preflight.headers.get("access-control-allow-headers")).toContain("authorization");
      expect(preflight.headers.get("access-control-max-age")).toBe("300");
      const refused = await call(platform(), "GET", "/api/v1/runs", {
        headers: { origin: "https://app.example" },
      });
      expectError(refused, 401);
      expect(refused.headers.get("access-control-allow-origin")).toBe("*");
      expect(refused.headers.get("access-control-expose-headers")).toContain("*");
    });

    test("/reference is one page that loads nothing, and shows each route with who may call it", async () => {
      const page = await call(platform(), "GET", "/reference");
      expect(page.status).toBe(200);
      expect(page.headers.get("content-type")).toContain("text/html");
      const policy = page.headers.get("content-security-policy") ?? "";
      expect(policy).toMatch(/^default-src 'none'; style-src 'sha256-\S+'; script-src 'sha256-\S+'; /);
      expect(page.text).not.toMatch(/<(?:link|img|iframe)|src=|@import|url\(|\son\w+=|style=/);
      for (const [name, { summary, method }] of Object.entries<RouteSpec>(routeSpecs)) {
        expect(page.text).toContain(`<article id="${name}"`);
        expect(page.text, summary).toContain(`<span class="method ${method}">`);
      }
    });

    test("every route of JSON bodies refuses one beyond all limits by its head", async () => {
      const { cookie } = await signIn(platform());
      const agent = await FakeAgent.enrol(platform());
      const { token: person } = await createPersonal(platform(), cookie);
      const projectRef = (await signIn(platform())).session.environments[0]?.projectRef ?? "";
      const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
      const credentials: Record<RouteSpec["auth"], Record<string, string>> = {
        none: {},
        key: bearer(platform().apiKey),
        environment: bearer(platform().apiKey),
        project: bearer(platform().apiKey),
        person: bearer(person),
        agent: bearer(await agent.sign()),
        session: { cookie },
      };
      for (const { method, path, auth, body, isStreamed } of Object.values<RouteSpec>(routeSpecs)) {
        if (body === undefined || isStreamed) continue;
        const address = path.replace(":projectRef", projectRef).replace(":slug", "dev").replace(/:\w+/g, "x");
        const answer = await announce(platform(), method.toUpperCase(), address, {
          ...credentials[auth],
          "x-longshore-protocol": "1",
          "content-type": "application/json",
          "content-length": String(200 * 1024 * 1024),
        });
        expect({ path, status: answer.status }).toEqual({ path, status: 413 });
      }
    });

    test("OPTIONS is answered and HEAD is GET without its body, on every route that has them", async () => {
      for (const { path, method } of Object.values<RouteSpec>(routeSpecs)) {
        if (!path.startsWith("/api/")) continue;
        const headers = {
          origin: "https://app.example",
          "access-control-request-method": method.toUpperCase(),
        };
        const preflight = await call(platform(), "OPTIONS", path.replace(/:\w+/g, "x"), { headers });
        expect({ path, status: preflight.status }).toEqual({ path, status: 204 });
        expect(preflight.headers.get("access-control-allow-methods")).toContain(method.toUpperCase());
      }
      const options = { token: platform().apiKey };
      const head = await call(platform(), "HEAD", "/api/v1/runs", options);
      expect([head.status, head.text]).toEqual([200, ""]);
    });

    test("each answer names its request", async () => {
      const first = await call(platform(), "GET", "/healthz");
      const second = await call(platform(), "GET", "/healthz");
      expect(first.headers.get("x-request-id")).toMatch(/^req_/);
      expect(second.headers.get("x-request-id")).not.toBe(first.headers.get("x-request-id"));
    });
  });
