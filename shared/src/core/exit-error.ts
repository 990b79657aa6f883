import type { TaskError } from "../contract/task-error.ts";

/** How a task's process ended when it did not end by itself. */
export type ProcessEnd = {
  code: number | null;
  signal: string | null;
  oomKilled: boolean;
  /** The last lines it wrote to standard error. */
  stderr?: string | undefined;
};

const signalOf = (end: ProcessEnd): string | null => {
  if (end.signal) return end.signal;
  const known: Record<number, string> = { 134: "SIGABRT", 137: "SIGKILL", 139: "SIGSEGV", 143: "SIGTERM" };
  return end.code === null ? null : (known[end.code] ?? null);
};

/** What V8 writes before it aborts because the heap is full. */
const heapIsFull = /JavaScript heap out of memory/;

/**
 * The error of a run whose process ended without a result, in words that say what to do about it.
 *
 * Source: the feature reference, error codes of task processes.
 */
export const exitError = (end: ProcessEnd, memoryGb: number | null): TaskError => {
  const internal = (
    code: Extract<TaskError, { type: "INTERNAL_ERROR" }>["code"],
    message: string,
  ): TaskError => ({
    type: "INTERNAL_ERROR",
    code,
    message,
    ...(end.stderr ? { stackTrace: end.stderr } : {}),
  });
  const signal = signalOf(end);
  if (end.oomKilled || heapIsFull.test(end.stderr ?? "")) {
    const had = memoryGb === null ? "" : ` (${memoryGb} GB)`;
    return internal(
      "TASK_PROCESS_OOM_KILLED",
      `The run needed more memory than its machine has${had} and was killed. Use a larger machine preset.`,
    );
  }
  if (signal === "SIGSEGV") {
    return internal("TASK_PROCESS_SIGSEGV", "The task's process crashed: segmentation fault (SIGSEGV).");
  }
  if (signal === "SIGTERM") {
    return internal("TASK_PROCESS_SIGTERM", "The task's process was asked to end from outside (SIGTERM).");
  }
  const how = signal ? `was killed by ${signal}` : `exited with code ${end.code ?? "unknown"}`;
  return internal(
    "TASK_PROCESS_EXITED_WITH_NON_ZERO_CODE",
    `The task's process ${how} before the run was over.`,
  );
};
