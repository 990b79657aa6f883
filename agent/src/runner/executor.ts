import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { findTask, type RegisteredTask, type RunParams } from "@longshore/sdk/catalog";
import { installHost } from "@longshore/sdk/host";
import { parsePacket, stringifyPacket } from "@longshore/sdk/packets";
import type { RunnerJob } from "@longshore/shared/contract/runner-protocol";
import { defaultRetryPolicy } from "@longshore/shared/core/back-off";
import { captureConsole } from "./console-capture.ts";
import { createExecutorHost } from "./executor-host.ts";
import type { FromExecutor, RunOutcome, ToExecutor } from "./ipc.ts";
import { internalError, isAbort, toTaskError } from "./task-error.ts";

/**
 * The process that runs one task run: forked by the runner before there is a job, so that Node is up when one comes.
 *
 * I1  Exactly one `done` is sent, after everything the task wrote and the end marks.
 * I2  Nothing of the user's is loaded before the job is here.
 */
const send = (message: FromExecutor): void => {
  process.send?.(message);
};

const failed = (error: ReturnType<typeof toTaskError>, skip = false): RunOutcome => ({
  kind: "failed",
  error,
  ...(skip ? { retry: { skip: true } } : {}),
});

/** The same rule as the API's: is there an attempt after this one? */
const isLastAttempt = (job: RunnerJob, task: RegisteredTask): boolean => {
  const most = job.context.run.maxAttempts ?? task.retry?.maxAttempts ?? defaultRetryPolicy.maxAttempts;
  return job.attempt >= most;
};

const runHook = async (name: string, hook: () => unknown): Promise<void> => {
  try {
    await hook();
  } catch (error) {
    console.error(`${name} failed:`, error);
  }
};

const importTask = async (job: RunnerJob): Promise<RegisteredTask | RunOutcome> => {
  try {
    await import(pathToFileURL(join(job.bundleDir, job.entry)).href);
  } catch (error) {
    return failed(internalError("COULD_NOT_IMPORT_TASK", error, "The tasks could not be loaded: "), true);
  }
  const task = findTask(job.task);
  if (task) return task;
  const text = `This version has no task with the id "${job.task}".`;
  return failed({ type: "INTERNAL_ERROR", code: "COULD_NOT_FIND_TASK", message: text }, true);
};

const execute = async (
  job: RunnerJob,
  signal: AbortSignal,
  didConcurrentWait: () => boolean,
): Promise<RunOutcome> => {
  const task = await importTask(job);
  if ("kind" in task) return task;
  let payload: unknown;
  try {
    payload = await parsePacket({ data: job.payload, type: job.payloadType });
  } catch (error) {
    return failed(internalError("TASK_INPUT_ERROR", error, "The payload cannot be read: "), true);
  }
  const params: RunParams = { ctx: job.context, signal };
  let output: unknown;
  try {
    if (job.attempt === 1) await task.onStart?.(payload, params);
    output = await task.run(payload, params);
  } catch (error) {
    const skip = isAbort(error);
    const { onFailure } = task;
    if (onFailure && !signal.aborted && (skip || isLastAttempt(job, task))) {
      await runHook("onFailure", () => onFailure(payload, error, params));
    }
    if (didConcurrentWait()) return failed(internalError("TASK_DID_CONCURRENT_WAIT", error), true);
    return failed(toTaskError(error), skip);
  }
  try {
    const packet = await stringifyPacket(output);
    const { onSuccess } = task;
    if (onSuccess) await runHook("onSuccess", () => onSuccess(payload, output, params));
    return { kind: "completed", output: packet };
  } catch (error) {
    return failed(internalError("TASK_OUTPUT_ERROR", error, "The output cannot be written: "), true);
  }
};

const run = async (job: RunnerJob, mark: string): Promise<void> => {
  Object.assign(process.env, job.env);
  const captured = captureConsole(mark);
  const abort = new AbortController();
  const wiring = createExecutorHost(Object.freeze(job.context), abort.signal, send, captured.log);
  process.on("message", (message: ToExecutor) => {
    if (message.t === "abort") {
      const reason = new Error(message.reason);
      reason.name = "AbortError";
      abort.abort(reason);
    } else if (message.t !== "run") wiring.receive(message);
  });
  let isDone = false;
  const finish = (outcome: RunOutcome): void => {
    if (isDone) return; // I1
    isDone = true;
    captured.end();
    send({ t: "done", outcome });
  };
  const uncaught = (error: unknown): void => {
    if (isDone) return;
    // Once it is aborted, whatever breaks off inside the task is a consequence and no news.
    if (!abort.signal.aborted) console.error(error);
    finish(failed(internalError("TASK_UNCAUGHT_EXCEPTION", error)));
  };
  process.on("uncaughtException", uncaught);
  process.on("unhandledRejection", uncaught);
  installHost(wiring.host);
  send({ t: "started" });
  finish(await execute(job, abort.signal, wiring.didConcurrentWait));
};

process.once("message", (message: ToExecutor) => {
  if (message.t === "run") void run(message.job, message.mark); // I2
});
// Without its runner nobody hears it: an orphan must not go on working.
process.once("disconnect", () => process.exit(1));
