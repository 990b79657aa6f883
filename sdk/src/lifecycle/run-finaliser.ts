import type { FinaliserPayload } from "@longshore/shared/contract/finaliser";
import type { AttemptInput, AttemptOutcome } from "../catalog.ts";
import { ambientApi } from "../configure.ts";
import { errorFromTaskError } from "../errors.ts";
import { readPacket } from "../packet-store.ts";
import { parsePacket } from "../packets.ts";
import { openAttempt } from "./attempts.ts";
import { callHooks, type LifecycleTask, type RunningAttempt } from "./call-hooks.ts";
import { toContext } from "./context.ts";
import { flushAttempt, settlePending } from "./settle-attempt.ts";
import { internalError, toTaskError } from "./task-error.ts";

/** What a finaliser's run returns, for whoever looks at it. */
const done = { kind: "completed", output: { data: null, type: "application/json" } } as const;

const isFinaliserPayload = (value: unknown): value is FinaliserPayload => {
  if (typeof value !== "object" || value === null) return false;
  const { task, payload, error, run, attempt } = value as Record<string, unknown>;
  return typeof task === "string" && [payload, error, run, attempt].every((part) => typeof part === "object");
};

const readInput = async (packet: AttemptInput["payload"]): Promise<FinaliserPayload> => {
  const input = await parsePacket(packet);
  if (isFinaliserPayload(input)) return input;
  throw new TypeError("a finaliser is triggered by the platform alone, when a run of its task has ended");
};

/** As the task's code would have had it; one that its schema refuses is handed on as it was sent. */
const payloadOf = async (task: LifecycleTask, packet: FinaliserPayload["payload"]): Promise<unknown> => {
  const payload = await readPacket(ambientApi(), packet);
  if (!task.parse) return payload;
  return task.parse(payload).catch(() => payload);
};

/** What is the failed run's comes from the platform; where it runs (environment, project, deployment) is the same. */
const contextOf = (
  { context }: AttemptInput,
  { task, attempt, run, queue, batch }: FinaliserPayload,
): AttemptInput["context"] => {
  const { batch: _, ...place } = context;
  return { ...place, attempt, run, queue, task: { ...place.task, id: task }, ...(batch ? { batch } : {}) };
};

/**
 * The life of a finaliser's attempt: `onFailure` of a run that ended where its process could not call it, global hooks
 * first. No other hook is called around it, and unlike there what one throws fails the attempt: there is another.
 */
export const runFinaliser = async (task: LifecycleTask, input: AttemptInput): Promise<AttemptOutcome> => {
  let failed: FinaliserPayload;
  try {
    failed = await readInput(input.payload);
  } catch (error) {
    return { kind: "failed", error: internalError("TASK_INPUT_ERROR", error), retry: { skip: true } };
  }
  const attempt = openAttempt(input.context);
  let outcome: AttemptOutcome = done;
  try {
    const running: RunningAttempt = {
      ...{ task, attempt, payload: await payloadOf(task, failed.payload), init: undefined },
      ...{ ctx: toContext(contextOf(input, failed)), signal: input.signal },
    };
    await callHooks(running, "onFailure", { error: errorFromTaskError(failed.error) });
  } catch (error) {
    outcome = { kind: "failed", error: toTaskError(error) };
  }
  await settlePending(attempt, input.signal);
  await flushAttempt(attempt);
  return outcome;
};
