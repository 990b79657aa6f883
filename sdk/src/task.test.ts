import { afterEach, beforeEach, expect, expectTypeOf, test, vi } from "vitest";
import type { TaskOutput, TaskPayload } from "./any-task.ts";
import { findTask } from "./catalog.ts";
import { SubtaskUnwrapError } from "./errors.ts";
import { installHost } from "./host.ts";
import { idempotencyKeys } from "./idempotency-keys.ts";
import { logger } from "./logger.ts";
import { parsePacket, stringifyPacket } from "./packets.ts";
import { queue } from "./queue.ts";
import type { Run } from "./run-types.ts";
import { runs } from "./runs.ts";
import { task } from "./task.ts";
import { tasks } from "./tasks.ts";
import { createFakeHost, testContext } from "./testing/fake-host.ts";
import { wait } from "./wait.ts";

const child = task({
  id: "child",
  queue: queue({ name: "shared", concurrencyLimit: 2 }),
  machine: { preset: "micro" },
  retry: { maxAttempts: 5 },
  run: async (payload: { when: Date }) => ({ year: payload.when.getUTCFullYear() }),
});
const bare = task({ id: "bare", run: () => 1 });

const triggered = () => Response.json({ id: "run_child" }, { headers: { "x-trigger-jwt": "jwt" } });

beforeEach(() => installHost(undefined));
afterEach(() => installHost(undefined));

test("a task is registered with what the indexer needs", async () => {
  const found = findTask("child");
  expect(found).toMatchObject({
    id: "child",
    queue: { name: "shared", concurrencyLimit: 2 },
    machine: "micro",
    retry: { maxAttempts: 5 },
  });
  const packet = await stringifyPacket({ when: new Date("2026-01-01") });
  const signal = new AbortController().signal;
  const outcome = await found?.execute({ payload: packet, context: testContext, signal });
  expect(outcome?.kind === "completed" && (await parsePacket(outcome.output))).toEqual({ year: 2026 });
});

test("an option that is not supported is named, not swallowed", () => {
  const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
  const options = { id: "odd", run: () => 1, tool: () => undefined };
  task(options);
  expect(warn).toHaveBeenCalledWith('task "odd": not supported and ignored: tool');
  warn.mockRestore();
});

test("types follow the task", () => {
  expectTypeOf<TaskPayload<typeof child>>().toEqualTypeOf<{ when: Date }>();
  expectTypeOf<TaskOutput<typeof child>>().toEqualTypeOf<{ year: number }>();
  expectTypeOf(bare.trigger).toBeCallableWith();
  expectTypeOf(tasks.trigger<typeof child>)
    .parameter(0)
    .toEqualTypeOf<"child">();
  expectTypeOf(tasks.trigger<typeof child>)
    .parameter(1)
    .toEqualTypeOf<{ when: Date }>();
  const unwrap = () => child.triggerAndWait({ when: new Date() }).unwrap();
  expectTypeOf(unwrap).returns.resolves.toEqualTypeOf<{ year: number }>();
  const retrieve = () => runs.retrieve<typeof child>("run_1");
  expectTypeOf(retrieve).returns.resolves.toEqualTypeOf<Run<{ when: Date }, { year: number }>>();
  const poll = async () => runs.poll(await child.trigger({ when: new Date() }));
  type Completed = Extract<Awaited<ReturnType<typeof poll>>, { status: "COMPLETED" }>;
  expectTypeOf<Completed["output"]>().toEqualTypeOf<{ year: number } | undefined>();
  expectTypeOf<Completed["finishedAt"]>().toEqualTypeOf<Date>();
});

test("trigger inside a task goes through the host with its payload as superjson", async () => {
  const host = createFakeHost({ respond: triggered });
  installHost(host);
  const handle = await child.trigger(
    { when: new Date("2026-01-01") },
    { tags: "a", queue: "other", metadata: { plan: "pro" }, idempotencyKey: "once" },
  );
  expect(handle).toEqual({
    id: "run_child",
    isCached: false,
    taskIdentifier: "child",
    publicAccessToken: "jwt",
  });
  const [request] = host.requests;
  expect(request?.path).toBe("/api/v1/tasks/child/trigger");
  expect(request?.headers).toMatchObject({ "x-trigger-worker": "true", "x-trigger-engine-version": "V2" });
  expect(request?.body).toEqual({
    payload: '{"json":{"when":"2026-01-01T00:00:00.000Z"},"meta":{"values":{"when":["Date"]},"v":1}}',
    options: {
      payloadType: "application/super+json",
      tags: "a",
      queue: { name: "other" },
      metadata: { plan: "pro" },
      idempotencyKey: expect.stringMatching(/^[0-9a-f]{64}$/),
      idempotencyKeyOptions: { key: "once", scope: "run" },
      parentRunId: "run_parent",
    },
  });
});

test("a task id is one segment of the path", async () => {
  const host = createFakeHost({ respond: triggered });
  installHost(host);
  await tasks.trigger("a/b", undefined);
  expect(host.requests[0]?.path).toBe("/api/v1/tasks/a%2Fb/trigger");
});

test("triggerAndWait waits for the child and decodes its output", async () => {
  const output = await stringifyPacket({ year: 2026 });
  const host = createFakeHost({
    respond: triggered,
    complete: () => [{ id: "w", kind: "run", ok: true, output: output.data, outputType: output.type }],
  });
  installHost(host);
  const result = await child.triggerAndWait({ when: new Date("2026-01-01") });
  expect(result).toEqual({ ok: true, id: "run_child", taskIdentifier: "child", output: { year: 2026 } });
  expect(host.waits).toEqual([[{ kind: "run", runId: "run_child" }]]);
  expect(host.requests[0]?.body).toMatchObject({
    options: { parentRunId: "run_parent", resumeParentOnCompletion: true, lockToVersion: "20260101.1" },
  });
});

test("a failed child is a result, and unwrap throws it", async () => {
  const error = { type: "BUILT_IN_ERROR", name: "TypeError", message: "bad", stackTrace: "at x" } as const;
  installHost(
    createFakeHost({ respond: triggered, complete: () => [{ id: "w", kind: "run", ok: false, error }] }),
  );
  const payload = { when: new Date() };
  expect(await child.triggerAndWait(payload)).toMatchObject({
    ok: false,
    id: "run_child",
    error: { name: "TypeError" },
  });
  const thrown = await child
    .triggerAndWait(payload)
    .unwrap()
    .catch((reason: unknown) => reason);
  expect(thrown).toBeInstanceOf(SubtaskUnwrapError);
  expect(thrown).toMatchObject({ taskId: "child", runId: "run_child", message: "Error in child: bad" });
});

test("outside a task, waiting is refused", async () => {
  await expect(child.triggerAndWait({ when: new Date() })).rejects.toThrow("inside a task");
  await expect(wait.for({ seconds: 1 })).rejects.toThrow("inside a task");
});

test("a short wait stays in the process and ends when the run is cancelled", async () => {
  const host = createFakeHost({ waitInProcessMs: 60_000 });
  installHost(host);
  const waiting = wait.for({ seconds: 30 });
  host.cancel();
  await expect(waiting).rejects.toThrow("cancelled");
  expect(host.waits).toEqual([]);
});

test("a long wait is handed to the host as a wait point of its own", async () => {
  const host = createFakeHost({ waitInProcessMs: 1_000 });
  installHost(host);
  const date = new Date(Date.now() + 3_600_000);
  await wait.until({ date });
  expect(host.waits).toEqual([
    [{ kind: "time", id: expect.stringMatching(/^waitpoint_/), at: date.toISOString() }],
  ]);
});

test("waits follow the calendar and past dates do not wait", async () => {
  const host = createFakeHost({});
  installHost(host);
  const before = new Date();
  await wait.for({ years: 1 });
  const [spec] = host.waits[0] ?? [];
  expect(spec?.kind === "time" && new Date(spec.at).getUTCFullYear()).toBe(before.getUTCFullYear() + 1);
  await wait.until({ date: new Date(0) });
  expect(host.waits).toHaveLength(1);
  await expect(wait.until({ date: new Date(0), throwIfInThePast: true })).rejects.toThrow("past");
});

test("idempotency keys depend on their scope", async () => {
  const globalKey = await idempotencyKeys.create("k", { scope: "global" });
  installHost(createFakeHost({}));
  const runKey = await idempotencyKeys.create("k");
  expect(globalKey).toHaveLength(64);
  expect(runKey).not.toBe(globalKey);
  expect(await idempotencyKeys.create("k", { scope: "global" })).toBe(globalKey);
});

test("the logger writes to the host, and trace runs what it is given", async () => {
  const host = createFakeHost({});
  installHost(host);
  logger.info("hello", { a: 1 });
  expect(await logger.trace("step", async (span) => span.setAttribute("n", 1) && 42)).toBe(42);
  expect(host.lines[0]).toEqual({ level: "info", message: "hello", attributes: { a: 1 } });
  expect(host.lines[1]).toMatchObject({ level: "trace", message: "step", attributes: { n: 1, ok: true } });
});

test("packets survive the way there and back", async () => {
  for (const value of [
    undefined,
    "text",
    "",
    0,
    null,
    { at: new Date(5), big: 10n, map: new Map([[1, 2]]) },
  ]) {
    expect(await parsePacket(await stringifyPacket(value))).toEqual(value);
  }
  await expect(parsePacket({ data: "x", type: "application/store" })).rejects.toThrow("application/store");
});
