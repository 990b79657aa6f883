import type { AttemptInput, AttemptOutcome } from "../catalog.ts";
import { parsePacket, stringifyPacket } from "../packets.ts";
import { isAbortTaskRunError, isCompleteTaskWithOutput, isConcurrentWaitError } from "../task-errors.ts";
import { openAttempt } from "./attempts.ts";
import {
  callHooks,
  callInit,
  hooksOf,
  type LifecycleTask,
  paramsOf,
  type RunningAttempt,
  tellHooks,
  tellWaits,
} from "./call-hooks.ts";
import { toContext } from "./context.ts";
import { judgeError } from "./judge-error.ts";
import { flushAttempt, settlePending } from "./settle-attempt.ts";
import { internalError, toTaskError } from "./task-error.ts";

/**
 * The life of one attempt. Order, and what a throw does:
 *
 * payload, schema (fails the run) → middleware, global before own, around all that follows (TASK_MIDDLEWARE_ERROR) →
 * init → onStart, at the first attempt → onStartAttempt → run (each fails the attempt) →
 *   success: output is written → onSuccess → onComplete → cleanup → what waitUntil was given
 *   failure: catchError (HANDLE_ERROR_ERROR) → if no attempt follows: onFailure → onComplete → cleanup → waitUntil
 *
 * I1  `next()` never rejects, and what middleware does cannot run the task twice.
 * I2  Once the signal is aborted no hook is told of success or failure: only `onCancel` (a cancel) and `cleanup` follow.
 * I3  What was gathered for the API is sent before the outcome is known to anyone.
 */
type Live = RunningAttempt & {
  /** Settles as `run` does; `onCancel` may wait for it. */
  runPromise: Promise<unknown>;
  settle: { resolve(value: unknown): void; reject(error: unknown): void };
  /** `onCancel` of all hooks, once the run is cancelled. */
  canceling: Promise<void> | null;
};

const failed = (
  error: Extract<AttemptOutcome, { kind: "failed" }>["error"],
  retry?: { skip?: boolean; delayMs?: number },
): AttemptOutcome => ({ kind: "failed", error, ...(retry ? { retry } : {}) });

const isCanceled = (signal: AbortSignal): boolean =>
  signal.aborted && (signal.reason as { code?: unknown } | undefined)?.code === "TASK_RUN_CANCELLED";

const readPayload = async (
  task: LifecycleTask,
  packet: AttemptInput["payload"],
): Promise<{ ok: true; payload: unknown } | { ok: false; outcome: AttemptOutcome }> => {
  let payload: unknown;
  try {
    payload = await parsePacket(packet);
  } catch (error) {
    const outcome = failed(internalError("TASK_INPUT_ERROR", error, "The payload cannot be read: "), {
      skip: true,
    });
    return { ok: false, outcome };
  }
  if (!task.parse) return { ok: true, payload };
  try {
    return { ok: true, payload: await task.parse(payload) };
  } catch (error) {
    const name = error instanceof Error ? `${error.name}: ` : "";
    return { ok: false, outcome: failed(internalError("TASK_INPUT_ERROR", error, name), { skip: true }) };
  }
};

const finish = async (live: Live): Promise<void> => {
  await live.canceling; // what it uses is still open
  await tellHooks(live, "cleanup", {});
  await settlePending(live.attempt, live.signal);
};

const tellFailure = async (live: Live, error: unknown): Promise<void> => {
  await tellHooks(live, "onFailure", { error });
  await tellHooks(live, "onComplete", { result: { ok: false, error } });
};

const afterFailure = async (live: Live, error: unknown): Promise<AttemptOutcome> => {
  live.settle.reject(error);
  if (live.signal.aborted) {
    await finish(live); // I2
    return failed(toTaskError(error), { skip: true });
  }
  let verdict: Awaited<ReturnType<typeof judgeError>>;
  try {
    verdict = await judgeError(live, error);
  } catch (thrown) {
    await finish(live);
    return failed(internalError("HANDLE_ERROR_ERROR", thrown, "catchError failed: "), { skip: true });
  }
  if (!verdict.willRetry) await tellFailure(live, verdict.error);
  await finish(live);
  const taskError =
    live.attempt.didConcurrentWait || isConcurrentWaitError(error)
      ? internalError("TASK_DID_CONCURRENT_WAIT", verdict.error)
      : toTaskError(verdict.error);
  if (!verdict.willRetry) return failed(taskError, { skip: true });
  return failed(
    taskError,
    verdict.delayMs === undefined ? undefined : { delayMs: Math.round(verdict.delayMs) },
  );
};

const afterSuccess = async (live: Live, output: unknown): Promise<AttemptOutcome> => {
  live.settle.resolve(output);
  let packet: Awaited<ReturnType<typeof stringifyPacket>>;
  try {
    packet = await stringifyPacket(output);
  } catch (error) {
    if (!live.signal.aborted) await tellFailure(live, error);
    await finish(live);
    return failed(internalError("TASK_OUTPUT_ERROR", error, "The output cannot be written: "), {
      skip: true,
    });
  }
  // I2
  if (!live.signal.aborted) {
    await tellHooks(live, "onSuccess", { output });
    await tellHooks(live, "onComplete", { result: { ok: true, data: output } });
  }
  await finish(live);
  return { kind: "completed", output: packet };
};

const callRun = async ({ task, payload, ctx, signal, init }: Live): Promise<unknown> => {
  try {
    return await task.run(payload, { ctx, signal, init });
  } catch (error) {
    if (isCompleteTaskWithOutput(error)) return error.output;
    throw error;
  }
};

const executeTask = async (live: Live): Promise<AttemptOutcome> => {
  let output: unknown;
  try {
    live.init = await callInit(live);
    if (live.ctx.attempt.number === 1) await callHooks(live, "onStart", {});
    await callHooks(live, "onStartAttempt", {});
    output = await callRun(live);
  } catch (error) {
    return afterFailure(live, error);
  }
  return afterSuccess(live, output);
};

const middlewareFailed = (error: unknown): AttemptOutcome =>
  failed(
    internalError("TASK_MIDDLEWARE_ERROR", error, "middleware failed: "),
    isAbortTaskRunError(error) ? { skip: true } : undefined,
  );

const throughMiddleware = async (live: Live): Promise<AttemptOutcome> => {
  let outcome: AttemptOutcome | null = null;
  let isBegun = false;
  const innermost = async (): Promise<void> => {
    if (isBegun) throw new Error("next() was called twice: the task runs once an attempt"); // I1
    isBegun = true;
    outcome = await executeTask(live);
  };
  const chain = hooksOf(live, "middleware").reduceRight<() => Promise<void>>((next, { fn }) => {
    return async () => {
      await fn({ ...paramsOf(live), next });
    };
  }, innermost);
  try {
    await chain();
  } catch (error) {
    return middlewareFailed(error);
  }
  return outcome ?? middlewareFailed(new Error("next() was never called, or not awaited"));
};

const withCancel = async (live: Live, work: () => Promise<AttemptOutcome>): Promise<AttemptOutcome> => {
  const onAbort = (): void => {
    if (!isCanceled(live.signal)) return;
    live.canceling = tellHooks(live, "onCancel", { runPromise: live.runPromise });
  };
  live.signal.addEventListener("abort", onAbort, { once: true });
  try {
    const outcome = await work();
    live.settle.reject(new Error("The task was not run."));
    await live.canceling;
    return outcome;
  } finally {
    live.signal.removeEventListener("abort", onAbort);
  }
};

const makeLive = (task: LifecycleTask, { context, signal }: AttemptInput, payload: unknown): Live => {
  let settle: Live["settle"] | undefined;
  const runPromise = new Promise<unknown>((resolve, reject) => {
    settle = { resolve, reject };
  });
  runPromise.catch(() => {}); // nobody may be waiting for it
  const attempt = openAttempt(context);
  const ctx = toContext(context);
  return {
    ...{ task, attempt, payload, ctx, signal, init: undefined },
    ...{ runPromise, settle: settle as Live["settle"], canceling: null },
  };
};

/** Executes one attempt of a task, hooks and all. Never rejects for what the user's code does. */
export const runAttempt = async (task: LifecycleTask, input: AttemptInput): Promise<AttemptOutcome> => {
  const read = await readPayload(task, input.payload);
  if (!read.ok) return read.outcome;
  if (input.signal.aborted) return failed(toTaskError(input.signal.reason), { skip: true });
  const live = makeLive(task, input, read.payload);
  live.attempt.onWait = async (specs) => {
    await tellWaits(live, "onWait", specs);
    await flushAttempt(live.attempt);
  };
  live.attempt.onResume = (specs) => tellWaits(live, "onResume", specs);
  const outcome = await withCancel(live, () => throughMiddleware(live));
  await flushAttempt(live.attempt); // I3
  return outcome;
};
