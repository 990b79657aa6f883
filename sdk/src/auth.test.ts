import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { auth } from "./auth.ts";
import { configure } from "./configure.ts";
import { installHost } from "./host.ts";
import { tasks } from "./tasks.ts";
import { createFakeHost } from "./testing/fake-host.ts";
import { startHttpServer } from "./testing/http-server.fixture.ts";
import { TriggerClient } from "./trigger-client.ts";

let server: Awaited<ReturnType<typeof startHttpServer>>;
beforeEach(async () => {
  server = await startHttpServer(() => ({ status: 200, body: { id: "run_1", token: "token" } }));
  configure({ baseURL: server.url, secretKey: "key" });
});
afterEach(async () => {
  configure({});
  installHost(undefined);
  vi.unstubAllEnvs();
  await server.close();
});

const body = (index: number) => JSON.parse(server.requests[index]?.body ?? "null");

test("permissions are flattened to scopes", async () => {
  await auth.createPublicToken({
    scopes: { read: { runs: ["a", "b"], tags: "c", tasks: true }, write: { waitpoints: true }, admin: true },
    expirationTime: new Date(0),
    realtime: { skipColumns: ["payload"] },
  });
  await auth.createTriggerPublicToken(["x", "y"], { expirationTime: "1h" });
  expect(body(0)).toEqual({
    scopes: ["read:runs:a", "read:runs:b", "read:tags:c", "read:tasks", "write:waitpoints", "admin"],
    expirationTime: "1970-01-01T00:00:00.000Z",
    realtime: { skipColumns: ["payload"] },
  });
  expect(body(1)).toEqual({
    scopes: ["trigger:tasks:x", "trigger:tasks:y"],
    oneTimeUse: true,
    expirationTime: "1h",
  });
});

test("a credential is never mixed of two configurations", async () => {
  await auth.withAuth({ accessToken: "outer", previewBranch: "feature" }, async () => {
    await tasks.trigger("t", {});
    await auth.withAuth({ secretKey: "inner" }, () => tasks.trigger("t", {}));
  });
  await tasks.trigger("t", {});
  expect(server.requests.map(({ headers }) => [headers.authorization, headers["x-trigger-branch"]])).toEqual([
    ["Bearer outer", "feature"],
    ["Bearer inner", "feature"],
    ["Bearer key", undefined],
  ]);
});

test("the branch comes from the environment where nobody names one", async () => {
  vi.stubEnv("TRIGGER_PREVIEW_BRANCH", "theirs");
  await tasks.trigger("t", {});
  vi.stubEnv("LONGSHORE_PREVIEW_BRANCH", "ours");
  await tasks.trigger("t", {});
  await new TriggerClient({ baseURL: server.url, accessToken: "k", previewBranch: "own" }).tasks.trigger(
    "t",
    {},
  );
  expect(server.requests.map(({ headers }) => headers["x-trigger-branch"])).toEqual([
    "theirs",
    "ours",
    "own",
  ]);
});

test("the deployment is the call's, the configuration's, the environment's, the platform's, in this order", async () => {
  vi.stubEnv("VERCEL_GIT_COMMIT_SHA", "commit");
  await tasks.trigger("t", {});
  vi.stubEnv("TRIGGER_AUTOMATIC_SKEW_VERSION_PROTECTION", "1");
  await tasks.trigger("t", {});
  vi.stubEnv("TRIGGER_EXTERNAL_DEPLOYMENT_ID", "named");
  await tasks.trigger("t", {});
  configure({ baseURL: server.url, secretKey: "key", externalDeploymentId: "configured" });
  await tasks.trigger("t", {});
  await tasks.trigger("t", {}, { externalDeploymentId: "own" });
  await tasks.trigger("t", {}, { externalDeploymentId: null });
  vi.stubEnv("TRIGGER_VERSION", "20260101.1");
  await tasks.trigger("t", {}, { externalDeploymentId: null });
  await tasks.trigger("t", {}, { externalDeploymentId: null, version: "20260101.2" });
  const sent = server.requests.map((_, index) => [
    body(index).options.externalDeploymentId,
    body(index).options.lockToVersion,
  ]);
  const none = undefined;
  expect(sent).toEqual([
    ...[
      [none, none],
      ["commit", none],
      ["named", none],
      ["configured", none],
      ["own", none],
      [none, none],
    ],
    ...[
      [none, "20260101.1"],
      [none, "20260101.2"],
    ],
  ]);
});

test("without AsyncLocalStorage, overlapping scopes are refused instead of mixed", async () => {
  vi.resetModules();
  vi.stubGlobal("process", undefined);
  const { createAsyncScope } = await import("./async-scope.ts");
  const scope = createAsyncScope<string>(() => new Error("no overlap"));
  const first = scope.run("a", async () => {
    await new Promise((resolve) => setTimeout(resolve, 5));
    return scope.current();
  });
  await expect(scope.run("b", async () => scope.current())).rejects.toThrow("no overlap");
  expect(await first).toBe("a");
  expect(await scope.run("b", async () => scope.current())).toBe("b");
  vi.unstubAllGlobals();
});

test("inside a task a run makes no tokens, and says so before it triggers", async () => {
  const host = createFakeHost({});
  installHost(host);
  const wish = { publicAccessToken: { expirationTime: "2h" } };
  await expect(tasks.trigger("t", {}, {}, wish)).rejects.toThrow("cannot be used inside a task");
  expect(host.requests).toEqual([]);
});

test("a client without an address or a key names what is missing", () => {
  for (const name of ["LONGSHORE_API_URL", "TRIGGER_API_URL", "LONGSHORE_SECRET_KEY", "TRIGGER_SECRET_KEY"]) {
    vi.stubEnv(name, "");
  }
  expect(() => new TriggerClient({ accessToken: "k" })).toThrow("LONGSHORE_API_URL");
  expect(() => new TriggerClient({ baseURL: server.url })).toThrow("LONGSHORE_SECRET_KEY");
});
