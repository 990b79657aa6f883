import { routeSpecs } from "@longshore/edge-api/routes/specs";
import { describe, expect, test } from "vitest";
import { call, expectError } from "../client.ts";
import type { Platform } from "../platforms.ts";

/** What holds for all routes together. */
export const surfaceCases = (platform: () => Platform) =>
  describe("surface", () => {
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

    test("each answer names its request", async () => {
      const first = await call(platform(), "GET", "/healthz");
      const second = await call(platform(), "GET", "/healthz");
      expect(first.headers.get("x-request-id")).toMatch(/^req_/);
      expect(second.headers.get("x-request-id")).not.toBe(first.headers.get("x-request-id"));
    });
  });
