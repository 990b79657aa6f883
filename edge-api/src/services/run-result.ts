import type { RunResult } from "@longshore/shared/contract/batches";
import { TaskError } from "@longshore/shared/contract/task-error";

/** The end of a run as the database has it. */
export type EndedRun = {
  id: string;
  taskIdentifier: string;
  state: string;
  output: string | null;
  outputType: string | null;
  error: unknown;
  executedMs: number;
};

/** Codes that are ours alone, and the nearest ones that client packages know. Source: the life cycle reference, 3.4. */
const clientCodes: Record<string, string> = {
  TASK_RUN_LEASE_LOST: "TASK_RUN_HEARTBEAT_TIMEOUT",
  TASK_RUN_START_FAILED: "TASK_RUN_DEQUEUED_MAX_RETRIES",
  TASK_RUN_CONTINUATION_LOST: "TASK_RUN_STALLED_EXECUTING_WITH_WAITPOINTS",
  TASK_UNCAUGHT_EXCEPTION: "TASK_RUN_UNCAUGHT_EXCEPTION",
};

/** The stored error of a run that is over; one without is a sentence about its state. */
export const taskErrorOf = (run: Pick<EndedRun, "state" | "error">): TaskError =>
  TaskError.safeParse(run.error).data ?? { type: "STRING_ERROR", raw: `The run is ${run.state}.` };

/** How a run ended, in the form and with the codes that client packages read. Source: the client wire contract, 4.3. */
export const toRunResult = (run: EndedRun): RunResult => {
  const base = {
    id: run.id,
    taskIdentifier: run.taskIdentifier,
    usage: { durationMs: Math.round(run.executedMs) },
  };
  if (run.state === "completed") {
    const output = run.output === null ? {} : { output: run.output };
    return { ...base, ok: true, ...output, outputType: run.outputType ?? "application/json" };
  }
  if (run.state === "canceled") {
    const error = taskErrorOf(run);
    const message = "raw" in error ? error.raw : (error.message ?? "The run was cancelled.");
    return { ...base, ok: false, error: { type: "INTERNAL_ERROR", code: "TASK_RUN_CANCELLED", message } };
  }
  const error = taskErrorOf(run);
  if (error.type !== "INTERNAL_ERROR") return { ...base, ok: false, error };
  return { ...base, ok: false, error: { ...error, code: clientCodes[error.code] ?? error.code } };
};
