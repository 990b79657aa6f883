import { afterEach, expect, test } from "vitest";
import { installHost } from "./host.ts";
import { tasks } from "./tasks.ts";
import { createFakeHost } from "./testing/fake-host.ts";

afterEach(() => installHost(undefined));

const stored = "/api/v1/stored-packets/env_1/name?expires=9&signature=s";
const answers: Record<string, () => Response> = {
  "/api/v1/tasks/child/trigger": () => Response.json({ id: "run_child" }),
  "/api/v1/runs/run_child/result": () =>
    Response.json({
      ...{ ok: true, id: "run_child", taskIdentifier: "child" },
      ...{ output: "longshore/run_child/output", outputType: "application/store" },
    }),
  "/api/v1/packets/longshore%2Frun_child%2Foutput": () =>
    Response.json({ presignedUrl: `https://api.example.com/base${stored}` }),
  [stored]: () => new Response('{"json":1}', { headers: { "content-type": "application/super+json" } }),
};

test("an output that was too large to come with the wait is fetched, through the task's host", async () => {
  const host = createFakeHost({
    respond: (path) => answers[path]?.() ?? Response.json({ error: path }, { status: 404 }),
    complete: () => [{ id: "w", kind: "run", ok: true, isOmitted: true }],
  });
  installHost(host);
  expect(await tasks.triggerAndWait("child", {}).unwrap()).toBe(1);
  expect(host.requests.map(({ path }) => path)).toEqual(Object.keys(answers));
});

test("a batch whose items never came ends with an error, not with too few results", async () => {
  const host = createFakeHost({
    respond: (path) =>
      path.endsWith("/items")
        ? Response.json({ id: "batch_1", sealed: true })
        : Response.json({ id: "batch_1", isCached: false }),
    complete: () => [{ id: "w", kind: "batch", ok: true, batchId: "batch_1", items: [] }],
  });
  // Lines are no JSON document, so this host must not read them as one.
  const { request } = host;
  host.request = (path, init) => request(path, { ...init, body: path.endsWith("/items") ? null : init.body });
  installHost(host);
  await expect(tasks.batchTriggerAndWait("child", [{ payload: 1 }, { payload: 2 }])).rejects.toThrow(
    "given up",
  );
});
