import type { FinaliserPayload } from "@longshore/shared/contract/finaliser";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { z } from "zod";
import { findTask } from "../catalog.ts";
import { globalHooks } from "../global-hooks.ts";
import { installHost } from "../host.ts";
import { metadata } from "../metadata.ts";
import { stringifyPacket } from "../packets.ts";
import { schemaTask } from "../schema-task.ts";
import { task } from "../task.ts";
import { forgetAll } from "../testing/execute-task.fixture.ts";
import { createFakeHost, testContext } from "../testing/fake-host.ts";
import { waitUntil } from "../wait-until.ts";
import type { TaskHooks } from "./hooks.ts";

beforeEach(forgetAll);
afterEach(() => {
  vi.restoreAllMocks();
  forgetAll();
});

type FailureParams = Parameters<NonNullable<TaskHooks["onFailure"]>>[0];

const endedRun = async (over: Partial<FinaliserPayload> = {}): Promise<FinaliserPayload> => ({
  task: "t",
  payload: await stringifyPacket({ when: new Date(0) }),
  error: { type: "INTERNAL_ERROR", code: "TASK_PROCESS_OOM_KILLED", message: "too little memory" },
  attempt: { number: 2, startedAt: "2026-01-02T00:00:00.000Z" },
  run: { ...testContext.run, id: "run_dead", tags: ["a"] },
  queue: { id: "queue_2", name: "task/t" },
  ...over,
});

/** Executes one attempt of the task's finaliser, as the executor would. */
const finalise = async (payload: unknown, abort = new AbortController()) => {
  const context = {
    ...testContext,
    run: { ...testContext.run, id: "run_finaliser" },
    task: { id: "t/finaliser", filePath: "src/trigger/t.ts" },
  };
  const { signal } = abort;
  const host = Object.assign(createFakeHost({ respond: () => Response.json({ metadata: {} }) }), {
    context,
    signal,
  });
  installHost(host);
  const packet = { data: JSON.stringify(payload), type: "application/json" } as const;
  const outcome = await findTask("t/finaliser")?.execute({ payload: packet, context, signal });
  return { outcome, host };
};

test("a task with finalise registers its finaliser beside it; one without does not", () => {
  task({ id: "t", finalise: true, machine: "micro", ttl: "10m", retry: { maxAttempts: 9 }, run: () => 1 });
  task({ id: "other", finalise: false, onFailure: () => {}, run: () => 1 });
  expect(findTask("t")).toMatchObject({ finaliser: "t/finaliser" });
  expect(findTask("t/finaliser")).toMatchObject({ retry: { maxAttempts: 3 }, machine: "micro", ttl: 0 });
  expect(findTask("t/finaliser")).not.toHaveProperty("finaliser");
  expect(findTask("other")).not.toHaveProperty("finaliser");
  expect(findTask("other/finaliser")).toBeUndefined();
});

test("what cannot be is refused by name", () => {
  const long = "x".repeat(118);
  expect(() => task({ id: "t", finalise: "yes" as never, run: () => 1 })).toThrow(
    'task "t": finalise must be true or false',
  );
  expect(() => task({ id: `${long}x`, finalise: true, run: () => 1 })).toThrow(/at most 118 characters/);
  expect(() => task({ id: long, finalise: true, run: () => 1 })).not.toThrow();
});

test("onFailure hears of the run that ended: global ones first, and no other hook", async () => {
  const heard: string[] = [];
  let params: FailureParams | undefined;
  globalHooks.onFailure("alert", () => heard.push("global"));
  globalHooks.middleware("around", async ({ next }) => {
    heard.push("middleware");
    await next();
  });
  const note = (name: string) => () => heard.push(name);
  task({
    id: "t",
    finalise: true,
    run: note("run"),
    onStart: note("onStart"),
    onComplete: note("onComplete"),
    cleanup: note("cleanup"),
    onFailure: (given) => {
      heard.push("own");
      params = given;
    },
  });
  const { outcome } = await finalise(await endedRun({ batch: { id: "batch_1" } }));
  expect(outcome).toEqual({ kind: "completed", output: { data: null, type: "application/json" } });
  expect(heard).toEqual(["global", "own"]);
  expect(params).toMatchObject({ task: "t", payload: { when: new Date(0) } });
  expect(params?.error).toMatchObject({ name: "TASK_PROCESS_OOM_KILLED", message: "too little memory" });
  expect(params?.ctx).toMatchObject({
    run: { id: "run_dead", tags: ["a"], createdAt: new Date("2026-01-01") },
    attempt: { number: 2, startedAt: new Date("2026-01-02") },
    task: { id: "t", filePath: "src/trigger/t.ts" },
    queue: { name: "task/t" },
    batch: { id: "batch_1" },
    environment: testContext.environment,
  });
});

test("a hook that throws fails the attempt, so that another follows; those after it wait for that", async () => {
  const own = vi.fn();
  globalHooks.onFailure(() => {
    throw new Error("the pager is down");
  });
  task({ id: "t", finalise: true, run: () => 1, onFailure: own });
  const { outcome } = await finalise(await endedRun());
  expect(outcome).toMatchObject({ kind: "failed", error: { message: "the pager is down" } });
  expect(outcome).not.toHaveProperty("retry");
  expect(own).not.toHaveBeenCalled();
});

test("the payload is what the schema makes of it, or as it was sent where the schema refuses it", async () => {
  const payloads: unknown[] = [];
  const schema = z.object({ n: z.coerce.number() });
  schemaTask({
    id: "t",
    schema,
    finalise: true,
    run: () => 1,
    onFailure: ({ payload }) => payloads.push(payload),
  });
  await finalise(await endedRun({ payload: await stringifyPacket({ n: "3" }) }));
  await finalise(await endedRun({ payload: await stringifyPacket({ n: "three" }) }));
  expect(payloads).toEqual([{ n: 3 }, { n: "three" }]);
});

test("metadata and waitUntil belong to the finaliser's own run and are over before it ends", async () => {
  let isSettled = false;
  task({
    id: "t",
    finalise: true,
    run: () => 1,
    onFailure: () => {
      metadata.set("told", true);
      const settling = Promise.resolve().then(() => {
        isSettled = true;
      });
      waitUntil(settling);
    },
  });
  const { outcome, host } = await finalise(await endedRun());
  expect(outcome?.kind).toBe("completed");
  expect(isSettled).toBe(true);
  expect(host.requests.map(({ method, path }) => `${method} ${path}`)).toEqual([
    "PUT /api/v1/runs/run_finaliser/metadata",
  ]);
});

test.each([[{}], ["text"], [null], [{ task: "t", payload: {}, error: {}, run: {} }]])(
  "a finaliser that someone else triggers with %j says so, without another attempt",
  async (payload) => {
    const onFailure = vi.fn();
    task({ id: "t", finalise: true, run: () => 1, onFailure });
    const { outcome } = await finalise(payload);
    expect(outcome).toMatchObject({
      kind: "failed",
      error: { code: "TASK_INPUT_ERROR", message: expect.stringContaining("by the platform alone") },
      retry: { skip: true },
    });
    expect(onFailure).not.toHaveBeenCalled();
  },
);
