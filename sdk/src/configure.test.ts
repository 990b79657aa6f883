import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createClient } from "./client.ts";
import { configure } from "./configure.ts";
import { installHost } from "./host.ts";
import { tasks } from "./tasks.ts";
import { createFakeHost } from "./testing/fake-host.ts";
import { startHttpServer } from "./testing/http-server.fixture.ts";

let server: Awaited<ReturnType<typeof startHttpServer>>;
beforeEach(async () => {
  server = await startHttpServer(() => ({ status: 200, body: { id: "run_1" } }));
  for (const name of ["LONGSHORE_API_URL", "LONGSHORE_SECRET_KEY", "TRIGGER_API_URL", "TRIGGER_SECRET_KEY"]) {
    vi.stubEnv(name, undefined);
  }
});
afterEach(async () => {
  configure({});
  installHost(undefined);
  vi.unstubAllEnvs();
  await server.close();
});

const credential = () => server.requests.at(-1)?.headers.authorization;

test("the environment is read, our names before those of the reference system", async () => {
  vi.stubEnv("TRIGGER_API_URL", server.url);
  vi.stubEnv("TRIGGER_SECRET_KEY", "theirs");
  await tasks.trigger("t", {});
  expect(credential()).toBe("Bearer theirs");
  vi.stubEnv("LONGSHORE_SECRET_KEY", "ours");
  await tasks.trigger("t", {});
  expect(credential()).toBe("Bearer ours");
});

test("configure comes before the environment", async () => {
  vi.stubEnv("LONGSHORE_API_URL", "http://127.0.0.1:9");
  configure({ baseURL: server.url, secretKey: "configured" });
  await tasks.trigger("t", {});
  expect(credential()).toBe("Bearer configured");
});

test("what is missing is named, and a key is never sent to a server nobody named", async () => {
  await expect(tasks.trigger("t", {})).rejects.toThrow("LONGSHORE_SECRET_KEY");
  vi.stubEnv("LONGSHORE_SECRET_KEY", "ours");
  await expect(tasks.trigger("t", {})).rejects.toThrow("LONGSHORE_API_URL");
});

test("inside a task a client of one's own goes its own way, and the run is no parent there", async () => {
  const host = createFakeHost({});
  installHost(host);
  await createClient({ baseURL: server.url, accessToken: "other" }).tasks.trigger("t", {});
  expect(host.requests).toEqual([]);
  expect(JSON.parse(server.requests[0]?.body ?? "")).not.toHaveProperty("options.parentRunId");
});
