import { z } from "zod";

/** Codes of failures that the platform, not the task's code, reports. */
export const internalErrorCodes = [
  "TASK_EXECUTION_FAILED",
  "COULD_NOT_FIND_TASK",
  "COULD_NOT_IMPORT_TASK",
  "TASK_PROCESS_EXITED_WITH_NON_ZERO_CODE",
  "TASK_PROCESS_SIGTERM",
  "TASK_PROCESS_SIGSEGV",
  "TASK_PROCESS_OOM_KILLED",
  "TASK_RUN_CANCELLED",
  "TASK_RUN_LEASE_LOST",
  "TASK_RUN_START_FAILED",
  "TASK_RUN_CONTINUATION_LOST",
  "TASK_DID_CONCURRENT_WAIT",
  "MAX_DURATION_EXCEEDED",
  "TASK_OUTPUT_ERROR",
  "TASK_INPUT_ERROR",
  "TASK_UNCAUGHT_EXCEPTION",
  "TASK_MIDDLEWARE_ERROR",
  "HANDLE_ERROR_ERROR",
  "BATCH_ITEM_COULD_NOT_TRIGGER",
  "PAYLOAD_TOO_LARGE",
] as const;

export const InternalErrorCode = z.enum(internalErrorCodes);
export type InternalErrorCode = z.infer<typeof InternalErrorCode>;

/** Why an attempt failed, as it is stored and sent. */
export const TaskError = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("BUILT_IN_ERROR"),
    name: z.string(),
    message: z.string(),
    stackTrace: z.string(),
  }),
  z.object({ type: z.literal("CUSTOM_ERROR"), raw: z.string() }),
  z.object({ type: z.literal("STRING_ERROR"), raw: z.string() }),
  z.object({
    type: z.literal("INTERNAL_ERROR"),
    code: InternalErrorCode,
    message: z.string().optional(),
    stackTrace: z.string().optional(),
  }),
]);
export type TaskError = z.infer<typeof TaskError>;
