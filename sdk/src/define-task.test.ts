import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { z } from "zod";
import { type AttemptOutcome, findTask, type Registration } from "./catalog.ts";
import { concurrencyLimit } from "./concurrency-limit.ts";
import { timeout } from "./define-task.ts";
import { TaskPayloadParsedError } from "./errors.ts";
import { globalHooks } from "./global-hooks.ts";
import { heartbeats } from "./heartbeats.ts";
import { installHost } from "./host.ts";
import { logger } from "./logger.ts";
import { parsePacket, stringifyPacket } from "./packets.ts";
import { queue } from "./queue.ts";
import { type Cron, scheduleTask } from "./schedule-task.ts";
import { schemaTask } from "./schema-task.ts";
import { task } from "./task.ts";
import { forgetAll } from "./testing/execute-task.fixture.ts";
import { createFakeHost, testContext } from "./testing/fake-host.ts";

const observer = Symbol.for("longshore.catalog.observer.2");
beforeEach(forgetAll);
afterEach(() => {
  delete (globalThis as { [observer]?: unknown })[observer];
  vi.restoreAllMocks();
  forgetAll();
});

const run = () => 1;
const execute = async (id: string, payload: unknown): Promise<AttemptOutcome | undefined> => {
  const { signal } = new AbortController();
  return findTask(id)?.execute({ payload: await stringifyPacket(payload), context: testContext, signal });
};

test("settings are registered as the manifest has them", () => {
  const shared = concurrencyLimit({ name: "openai", total: 25 });
  task({
    id: "all",
    run,
    queue: queue({ name: "mail", concurrencyLimit: 3, policy: "skip", releaseConcurrencyOnWaitpoint: true }),
    concurrency: [{ perKey: 1, total: 5 }, shared, "other"],
    maxDuration: timeout.None,
    machine: { preset: "micro" },
    labels: { gpu: "a100" },
    ttl: "10m",
  });
  expect(findTask("all")).toMatchObject({
    queue: { name: "mail", concurrencyLimit: 3, policy: "skip" },
    concurrency: { inline: { perKey: 1, total: 5 }, limits: ["openai", "other"] },
    maxDuration: null,
    machine: "micro",
    labels: { gpu: "a100" },
    ttl: "10m",
  });
  expect(findTask("all")?.queue).not.toHaveProperty("releaseConcurrencyOnWaitpoint");
});

test("the indexer hears of tasks, queues and limits", () => {
  const seen: Registration[] = [];
  (globalThis as { [observer]?: unknown })[observer] = (one: Registration) => seen.push(one);
  concurrencyLimit({ name: "l", perKey: 2 });
  task({ id: "t", run, jsonSchema: { type: "object" } });
  queue({ name: "q", concurrencyLimit: 0 });
  expect(seen[2]).toEqual({ kind: "queue", value: { name: "q", concurrencyLimit: 0 } });
  expect(seen[0]).toEqual({ kind: "limit", value: { name: "l", perKey: 2 } });
  expect(seen[1]?.kind === "task" && seen[1].value.describePayload?.()).toEqual({ type: "object" });
});

test.each<[string, () => unknown, string]>([
  ["no id", () => task({ id: "", run }), "a task needs an id"],
  ["no run", () => task({ id: "t", run: undefined as never }), 'task "t" needs a run function'],
  ["a hook that is none", () => task({ id: "t", run, onStart: 5 as never }), "onStart must be a function"],
  [
    "two bounds of its own",
    () => task({ id: "t", run, concurrency: [{ total: 1 }, { perKey: 1 }] }),
    "two bounds of its own",
  ],
  ["three limits", () => task({ id: "t", run, concurrency: ["a", "b", "c"] }), "names 3 limits"],
  ["empty bounds", () => task({ id: "t", run, concurrency: {} }), "bounds nothing"],
  ["a fraction as a bound", () => task({ id: "t", run, concurrency: { total: 0.5 } }), "total is 0.5"],
  ["a limit of a bad name", () => concurrencyLimit({ name: "a b", total: 1 }), '"a b"'],
  ["a limit that bounds nothing", () => concurrencyLimit({ name: "a" }), "bounds nothing"],
  ["a queue without a name", () => queue({ name: "" }), "queue needs a name"],
  ["a cron of six fields", () => scheduleTask({ id: "t", cron: "* * * * * *", run }), "five fields"],
  ["a global hook that is none", () => globalHooks.onStart("name", undefined as never), "needs a function"],
])("%s is refused with what to do", (_name, define, message) => {
  expect(define).toThrow(message);
});

test.each<[Cron, object]>([
  ["0 9 * * 1-5", { cron: "0 9 * * 1-5", timezone: "UTC" }],
  [
    { pattern: "0 9 * * *", timezone: "Asia/Tokyo", environments: ["PRODUCTION"], window: "30m" },
    { cron: "0 9 * * *", timezone: "Asia/Tokyo", environments: ["PRODUCTION"], window: "30m" },
  ],
])("cron %j is the manifest's schedule", (cron, schedule) => {
  scheduleTask({ id: "nightly", cron, run });
  expect(findTask("nightly")?.schedule).toEqual(schedule);
});

test("a scheduled run has dates, also one that was triggered by hand with text", async () => {
  const seen: unknown[] = [];
  scheduleTask({ id: "nightly", run: (payload) => void seen.push(payload) });
  const at = new Date("2026-03-01T03:00:00.000Z");
  await execute("nightly", { timestamp: at, timezone: "UTC", upcoming: [at] });
  await execute("nightly", JSON.parse(JSON.stringify({ timestamp: at, lastTimestamp: at, upcoming: [at] })));
  await execute("nightly", {});
  expect(seen).toEqual([
    { timestamp: at, timezone: "UTC", upcoming: [at] },
    { timestamp: at, lastTimestamp: at, upcoming: [at] },
    { upcoming: [] },
  ]);
});

test("a schema parses once, in the run; a trigger sends what it was given", async () => {
  const sent = vi.fn((_path: string) => Response.json({ id: "run_1" }));
  const host = createFakeHost({ respond: sent });
  installHost(host);
  const made = schemaTask({
    id: "length",
    schema: z.object({ text: z.string().transform((text) => text.length) }),
    run: ({ text }) => text,
  });
  await made.trigger({ text: "four" });
  expect(host.requests[0]?.body).toMatchObject({ payload: '{"json":{"text":"four"}}' });
  const outcome = await execute("length", { text: "four" });
  expect(outcome?.kind === "completed" && (await parsePacket(outcome.output))).toBe(4);
});

test("a payload that the schema refuses is not sent", async () => {
  const host = createFakeHost({});
  installHost(host);
  const made = schemaTask({ id: "strict", schema: z.object({ n: z.number() }), run: ({ n }) => n });
  const bad = { n: "1" } as unknown as { n: number };
  await expect(made.trigger(bad)).rejects.toBeInstanceOf(TaskPayloadParsedError);
  await expect(made.triggerAndWait(bad)).rejects.toBeInstanceOf(TaskPayloadParsedError);
  expect(host.requests).toEqual([]);
  expect(await execute("strict", bad)).toMatchObject({
    error: { code: "TASK_INPUT_ERROR" },
    retry: { skip: true },
  });
});

test("a span is logged once, when it ends, with what went wrong in it", () => {
  const host = createFakeHost({});
  installHost(host);
  const span = logger.startSpan("import", { attributes: { file: "a.csv" } });
  span.setAttribute("rows", 3).addEvent("half", { n: 1 }).updateName("import a.csv");
  span.recordException(new Error("row 4"));
  span.end();
  span.end();
  expect(host.lines).toEqual([
    { level: "trace", message: "import: half", attributes: { n: 1 } },
    {
      level: "trace",
      message: "import a.csv",
      attributes: { file: "a.csv", rows: 3, exception: "row 4", ok: false, durationMs: expect.any(Number) },
    },
  ]);
});

test("heartbeats.yield lets others have their turn", async () => {
  let isTheirTurn = false;
  setTimeout(() => {
    isTheirTurn = true;
  }, 0);
  const endsAt = performance.now() + 1_000;
  while (!isTheirTurn && performance.now() < endsAt) await heartbeats.yield();
  expect(isTheirTurn).toBe(true);
  expect(heartbeats.getLastHeartbeat()).toBeInstanceOf(Date);
});
