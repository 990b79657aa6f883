import type { RunState } from "@longshore/shared/contract/run-status";
import type { InternalErrorCode, TaskError } from "@longshore/shared/contract/task-error";

type FailedState = Extract<RunState, "failed" | "crashed" | "system_failure" | "timed_out">;

const crashes: readonly InternalErrorCode[] = [
  "TASK_PROCESS_OOM_KILLED",
  "TASK_PROCESS_SIGSEGV",
  "TASK_PROCESS_EXITED_WITH_NON_ZERO_CODE",
  "HANDLE_ERROR_ERROR",
];
const faults: readonly InternalErrorCode[] = [
  "TASK_EXECUTION_FAILED",
  "COULD_NOT_FIND_TASK",
  "COULD_NOT_IMPORT_TASK",
  "TASK_PROCESS_SIGTERM",
  "TASK_RUN_LEASE_LOST",
  "TASK_RUN_START_FAILED",
  "TASK_RUN_CONTINUATION_LOST",
  "TASK_DID_CONCURRENT_WAIT",
  "BATCH_ITEM_COULD_NOT_TRIGGER",
  "PAYLOAD_TOO_LARGE",
];

/** Where a run ends when this error leaves it no attempt. Source: the life cycle reference, 3.4. */
export const finalStateOf = (error: TaskError): FailedState => {
  if (isOutOfMemory(error)) return "crashed";
  if (error.type !== "INTERNAL_ERROR") return "failed";
  if (error.code === "MAX_DURATION_EXCEEDED") return "timed_out";
  if (crashes.includes(error.code)) return "crashed";
  return faults.includes(error.code) ? "system_failure" : "failed";
};

const neverRetried: readonly InternalErrorCode[] = [
  "COULD_NOT_FIND_TASK",
  "COULD_NOT_IMPORT_TASK",
  "MAX_DURATION_EXCEEDED",
  "TASK_DID_CONCURRENT_WAIT",
  "TASK_OUTPUT_ERROR",
  "HANDLE_ERROR_ERROR",
];

/**
 * Reports of the platform that come with an attempt whose hooks were called by its own process. Every other error of the
 * type INTERNAL_ERROR ends a run that heard nothing of it.
 */
export const toldCodes: readonly InternalErrorCode[] = ["TASK_DID_CONCURRENT_WAIT", "TASK_OUTPUT_ERROR"];

/** Whether an attempt had too little memory, as the runner saw it or as the task itself says. */
export const isOutOfMemory = (error: TaskError): boolean =>
  error.type === "INTERNAL_ERROR"
    ? error.code === "TASK_PROCESS_OOM_KILLED"
    : error.type === "BUILT_IN_ERROR" && error.name === "OutOfMemoryError";

/** Whether another attempt could end differently. Source: the life cycle reference, 3.3. */
export const isRetryable = (error: TaskError): boolean =>
  error.type !== "INTERNAL_ERROR" || !neverRetried.includes(error.code);
