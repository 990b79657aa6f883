import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { findTask } from "../catalog.ts";
import {
  AbortTaskRunError,
  CompleteTaskWithOutput,
  OutOfMemoryError,
  TaskPayloadParsedError,
} from "../errors.ts";
import { globalHooks } from "../global-hooks.ts";
import { installHost } from "../host.ts";
import { ApiError, RateLimitError } from "../http/api-error.ts";
import { locals } from "../locals.ts";
import { parsePacket } from "../packets.ts";
import { task } from "../task.ts";
import { type ExecuteOver, executeTask, forgetAll } from "../testing/execute-task.fixture.ts";
import { testContext } from "../testing/fake-host.ts";
import { usage } from "../usage.ts";
import { wait } from "../wait.ts";
import { waitUntil } from "../wait-until.ts";

beforeEach(() => {
  forgetAll();
  vi.spyOn(console, "error").mockImplementation(() => {});
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  forgetAll();
});

const execute = async (
  options: Parameters<typeof executeTask>[0],
  over: ExecuteOver = {},
  abort = new AbortController(),
) => (await executeTask(options, { ...over, abort })).outcome;

const boom = () => {
  throw new Error("boom");
};

test("every hook receives the payload, ctx, the signal and what init answered", async () => {
  const seen: Record<string, unknown>[] = [];
  const see = (params: object) => void seen.push({ ...params });
  globalHooks.init(async () => ({ a: 1, b: 1 }));
  await execute({
    init: async () => ({ b: 2 }),
    onStart: see,
    onStartAttempt: see,
    onSuccess: see,
    onComplete: see,
    cleanup: see,
    run: (_payload, params) => {
      seen.push(params);
      return "out";
    },
  });
  expect(seen).toHaveLength(6);
  for (const params of seen) {
    expect(params).toMatchObject({ init: { a: 1, b: 2 }, ctx: { run: { id: "run_parent" } } });
    expect(params.signal).toBeInstanceOf(AbortSignal);
  }
  expect(seen[0]).toMatchObject({ payload: { when: new Date(0) }, task: "t" });
});

test("ctx has dates, cannot be changed, and passes on what it does not know", async () => {
  let frozen: unknown;
  await execute(
    {
      run: (_payload, { ctx }) => {
        expect(ctx.run.createdAt).toEqual(new Date("2026-01-01"));
        expect(ctx.attempt.startedAt).toBeInstanceOf(Date);
        expect(ctx.run).toMatchObject({ novel: true });
        expect(ctx.run).not.toHaveProperty("metadata");
        frozen = ctx.run.tags;
      },
    },
    { run: { metadata: { a: 1 }, ...{ novel: true } } },
  );
  expect(() => (frozen as string[]).push("x")).toThrow(TypeError);
});

test.each<[string, object, object]>([
  ["skipRetrying", { skipRetrying: true }, { retry: { skip: true } }],
  ["retryDelayInMs", { retryDelayInMs: 1_234 }, { retry: { delayMs: 1_234 } }],
  [
    "a policy",
    { retry: { minTimeoutInMs: 5_000, factor: 1, randomize: false } },
    { retry: { delayMs: 5_000 } },
  ],
  ["a policy without attempts", { retry: { maxAttempts: 1 } }, { retry: { skip: true } }],
  [
    "another error",
    { error: new TypeError("instead") },
    { error: { name: "TypeError", message: "instead" } },
  ],
])("catchError answers %s", async (_name, answer, expected) => {
  expect(await execute({ run: boom, catchError: async () => answer })).toMatchObject(expected);
});

test("catchError answers a date, and one that is none crashes the run", async () => {
  const retryAt = new Date(Date.now() + 60_000);
  const outcome = await execute({ run: boom, catchError: () => ({ retryAt }) });
  const delayMs = outcome.kind === "failed" ? outcome.retry?.delayMs : undefined;
  expect(delayMs).toBeGreaterThan(58_000);
  expect(delayMs).toBeLessThanOrEqual(60_000);
  forgetAll();
  expect(await execute({ run: boom, catchError: () => ({ retryAt: new Date("never") }) })).toMatchObject({
    error: { code: "HANDLE_ERROR_ERROR" },
    retry: { skip: true },
  });
});

test("the first catchError that answers wins, and handleError is the same under its old name", async () => {
  const later = vi.fn();
  globalHooks.handleError("first", async () => ({ retryDelayInMs: 10 }));
  globalHooks.catchError(later);
  expect(await execute({ run: boom, catchError: () => undefined })).toMatchObject({ retry: { delayMs: 10 } });
  expect(later).not.toHaveBeenCalled();
  forgetAll();
  expect(
    await execute({ run: boom, catchError: () => undefined, handleError: () => ({ retryDelayInMs: 20 }) }),
  ).toMatchObject({ retry: { delayMs: 20 } });
});

test("catchError is told what would happen, and gives no attempt that the run does not have", async () => {
  const seen: object[] = [];
  const catchError = (params: object) => {
    seen.push(params);
    return { retryDelayInMs: 10 };
  };
  const onFailure = vi.fn();
  const retry = { minTimeoutInMs: 100, randomize: false };
  await execute({ run: boom, retry, catchError, onFailure });
  expect(seen[0]).toMatchObject({ retryDelayInMs: 100, error: new Error("boom"), retry: { maxAttempts: 3 } });
  expect(onFailure).not.toHaveBeenCalled();
  forgetAll();
  expect(await execute({ run: boom, retry, catchError, onFailure }, { attempt: 3 })).toMatchObject({
    retry: { skip: true },
  });
  expect(seen[1]).not.toHaveProperty("retryAt");
  expect(onFailure).toHaveBeenCalledOnce();
});

test.each<[string, unknown]>([
  ["AbortTaskRunError", new AbortTaskRunError("stop")],
  ["a payload that its schema refuses", new TaskPayloadParsedError("other", "bad")],
  ["a refusal of the API", new ApiError(404, "no such run")],
])("%s is final: nobody is asked, onFailure is told", async (_name, error) => {
  const catchError = vi.fn();
  const onFailure = vi.fn();
  const run = () => {
    throw error;
  };
  expect(await execute({ run, catchError, onFailure })).toMatchObject({ retry: { skip: true } });
  expect(catchError).not.toHaveBeenCalled();
  expect(onFailure).toHaveBeenCalledWith(expect.objectContaining({ error }));
});

test("a rate limit of the API sets the pause", async () => {
  const headers = { "x-ratelimit-reset": String(Date.now() + 30_000) };
  const outcome = await execute({
    run: () => {
      throw new RateLimitError(429, "slow down", headers);
    },
  });
  const delayMs = outcome.kind === "failed" ? outcome.retry?.delayMs : undefined;
  expect(delayMs).toBeGreaterThan(29_000);
});

test("OutOfMemoryError is followed only where a larger machine is set", async () => {
  const onFailure = vi.fn();
  const run = () => {
    throw new OutOfMemoryError();
  };
  const retry = { outOfMemory: { machine: "large-1x" as const } };
  const outcome = await execute({ run, retry, onFailure });
  expect(outcome).toMatchObject({ error: { type: "BUILT_IN_ERROR", name: "OutOfMemoryError" } });
  expect(onFailure).not.toHaveBeenCalled();
  forgetAll();
  await execute({ run, retry, onFailure }, { machine: "large-1x" });
  expect(onFailure).toHaveBeenCalledOnce();
});

test("CompleteTaskWithOutput ends the run as a success", async () => {
  const onSuccess = vi.fn();
  const deep = () => {
    throw new CompleteTaskWithOutput({ early: true });
  };
  const outcome = await execute({ run: async () => deep(), onSuccess });
  expect(outcome.kind === "completed" && (await parsePacket(outcome.output))).toEqual({ early: true });
  expect(onSuccess).toHaveBeenCalledWith(expect.objectContaining({ output: { early: true } }));
});

test("an output that cannot be written fails the run, and onFailure is told", async () => {
  const onFailure = vi.fn();
  const onSuccess = vi.fn();
  const run = () => ({
    get broken(): never {
      throw new Error("unreadable");
    },
  });
  expect(await execute({ run, onFailure, onSuccess })).toMatchObject({
    error: { code: "TASK_OUTPUT_ERROR" },
    retry: { skip: true },
  });
  expect(onFailure).toHaveBeenCalledOnce();
  expect(onSuccess).not.toHaveBeenCalled();
});

test("a payload that cannot be read fails the run before any hook", async () => {
  const onFailure = vi.fn();
  task({ id: "unread", run: () => 1, onFailure });
  const { signal } = new AbortController();
  const payload = { data: "{", type: "application/json" } as const;
  expect(await findTask("unread")?.execute({ payload, context: testContext, signal })).toMatchObject({
    error: { code: "TASK_INPUT_ERROR" },
    retry: { skip: true },
  });
  expect(onFailure).not.toHaveBeenCalled();
});

test("middleware that calls next twice, or never, fails the attempt; the task runs once", async () => {
  const run = vi.fn();
  const twice = await execute({
    run,
    middleware: async ({ next }) => {
      await next();
      await next();
    },
  });
  expect(twice).toMatchObject({
    error: { code: "TASK_MIDDLEWARE_ERROR", message: expect.stringContaining("twice") },
  });
  expect(run).toHaveBeenCalledOnce();
  forgetAll();
  expect(await execute({ run, middleware: async () => {} })).toMatchObject({
    error: { message: expect.stringContaining("never called") },
  });
  expect(run).toHaveBeenCalledOnce();
});

const reasonOf = (code: string) => Object.assign(new Error("ended from outside"), { code });
const untilAborted = (signal: AbortSignal) =>
  new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));

test("a cancel calls onCancel beside run, and no hook of success or failure", async () => {
  const log: string[] = [];
  const abort = new AbortController();
  const say = (text: string) => () => void log.push(text);
  globalHooks.onCancel(async () => {
    log.push("g onCancel");
    throw new Error("logged");
  });
  const executing = execute(
    {
      run: async (_payload, { signal }) => {
        log.push("run");
        setTimeout(() => abort.abort(reasonOf("TASK_RUN_CANCELLED")), 5);
        await untilAborted(signal);
      },
      onCancel: async ({ runPromise, init }) => {
        expect(init).toEqual({});
        await runPromise.catch(() => log.push("run ended"));
        log.push("t onCancel");
      },
      catchError: async () => {
        log.push("catchError");
      },
      onFailure: say("onFailure"),
      onComplete: say("onComplete"),
      cleanup: say("cleanup"),
    },
    {},
    abort,
  );
  expect(await executing).toMatchObject({ kind: "failed" });
  expect(log).toEqual(["run", "g onCancel", "run ended", "t onCancel", "cleanup"]);
});

test("a time-out calls no onCancel", async () => {
  const onCancel = vi.fn();
  const onFailure = vi.fn();
  const abort = new AbortController();
  const run = async (_payload: unknown, { signal }: { signal: AbortSignal }) => {
    setTimeout(() => abort.abort(reasonOf("MAX_DURATION_EXCEEDED")), 5);
    await untilAborted(signal);
  };
  await execute({ run, onCancel, onFailure }, {}, abort);
  expect(onCancel).not.toHaveBeenCalled();
  expect(onFailure).not.toHaveBeenCalled();
});

test("a run that was cancelled before it began calls nothing", async () => {
  const run = vi.fn();
  const abort = new AbortController();
  abort.abort(reasonOf("TASK_RUN_CANCELLED"));
  expect(await execute({ run, onCancel: run }, {}, abort)).toMatchObject({ kind: "failed" });
  expect(run).not.toHaveBeenCalled();
});

test("a hook that does not end is left behind after 30 seconds", async () => {
  vi.useFakeTimers();
  const executing = execute({ run: boom, onFailure: () => new Promise(() => {}) }, { attempt: 3 });
  await vi.advanceTimersByTimeAsync(30_000);
  expect(await executing).toMatchObject({ kind: "failed", error: { message: "boom" } });
  expect(console.error).toHaveBeenCalledWith(expect.stringContaining("onFailure took longer than 30 s"));
});

test("waitUntil holds the end up, at most 10 minutes", async () => {
  vi.useFakeTimers();
  let isOver = false;
  const executing = execute({ run: () => waitUntil(new Promise(() => {})) }).finally(() => {
    isOver = true;
  });
  await vi.advanceTimersByTimeAsync(9 * 60_000);
  expect(isOver).toBe(false);
  await vi.advanceTimersByTimeAsync(61_000);
  expect(await executing).toMatchObject({ kind: "completed" });
});

test("two waits beside each other fail the run for good, even when one of them is let go", async () => {
  const catchError = vi.fn();
  const run = async () => {
    await Promise.all([wait.for({ hours: 1 }), wait.for({ hours: 2 })]);
  };
  expect(await execute({ run, catchError })).toMatchObject({
    error: { code: "TASK_DID_CONCURRENT_WAIT", message: expect.stringContaining("batchTriggerAndWait") },
    retry: { skip: true },
  });
  expect(catchError).not.toHaveBeenCalled();
});

test("locals are of one attempt, shared by middleware, hooks and run", async () => {
  const key = locals.create<{ n: number }>("counter");
  const seen: unknown[] = [];
  const options = {
    middleware: async ({ next }: { next: () => Promise<void> }) => {
      seen.push(locals.get(key));
      locals.set(key, { n: 1 });
      await next();
    },
    run: () => {
      locals.getOrThrow(key).n += 1;
    },
    onSuccess: () => void seen.push(locals.getOrThrow(key).n),
  };
  await execute(options);
  await execute(options);
  expect(seen).toEqual([undefined, 2, undefined, 2]);
  installHost(undefined);
  expect(locals.get(key)).toBeUndefined();
  expect(() => locals.getOrThrow(key)).toThrow('"counter"');
  expect(() => locals.set(key, { n: 0 })).toThrow("while a task runs");
});

test("usage counts this attempt, and earlier ones in the total", async () => {
  let used: ReturnType<typeof usage.getCurrent> | undefined;
  await execute(
    {
      run: async () => {
        const { result, compute } = await usage.measure(async () => {
          await new Promise((resolve) => setTimeout(resolve, 20));
          return "measured";
        });
        expect(result).toBe("measured");
        expect(compute.durationMs).toBeGreaterThanOrEqual(18);
        used = usage.getCurrent();
      },
    },
    { run: { durationMs: 1_000 } },
  );
  expect(used?.compute.attempt.durationMs).toBeGreaterThanOrEqual(18);
  expect(used?.compute.total.durationMs).toBeGreaterThanOrEqual(1_018);
  expect(used?.totalCostInCents).toBe(0);
});

test("the cause of an error is kept in its stack", async () => {
  const run = () => {
    throw new Error("outer", { cause: new TypeError("inner") });
  };
  const outcome = await execute({ run });
  expect(outcome.kind === "failed" && outcome.error).toMatchObject({
    message: "outer",
    stackTrace: expect.stringContaining("[cause]: TypeError: inner"),
  });
});
