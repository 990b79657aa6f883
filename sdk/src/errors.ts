import type { TaskError } from "@longshore/shared/contract/task-error";

export {
  ApiConnectionError,
  ApiError,
  type ApiErrorDetails,
  ApiSchemaValidationError,
  AuthenticationError,
  BadRequestError,
  ConflictError,
  InternalServerError,
  NotFoundError,
  PermissionDeniedError,
  RateLimitError,
  UnprocessableEntityError,
} from "./http/api-error.ts";

export {
  AbortTaskRunError,
  CompleteTaskWithOutput,
  ConcurrentWaitError,
  isAbortTaskRunError,
  isCompleteTaskWithOutput,
  isConcurrentWaitError,
  isOutOfMemoryError,
  isTaskPayloadParsedError,
  isWaitpointTimeoutError,
  OutOfMemoryError,
  TaskPayloadParsedError,
  WaitpointTimeoutError,
} from "./task-errors.ts";

/** What `triggerAndWait(…).unwrap()` throws when the other run failed. */
export class SubtaskUnwrapError extends Error {
  constructor(
    readonly taskId: string,
    readonly runId: string,
    override readonly cause: unknown,
  ) {
    super(
      cause instanceof Error
        ? `Error in ${taskId}: ${cause.message}`
        : `Error in ${taskId}: ${String(cause)}`,
      { cause },
    );
    this.name = "SubtaskUnwrapError";
  }
}

const parseOr = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
};

/** What the task threw, rebuilt from how it was stored. */
export const errorFromTaskError = (error: TaskError): unknown => {
  switch (error.type) {
    case "BUILT_IN_ERROR": {
      const rebuilt = new Error(error.message);
      rebuilt.name = error.name;
      rebuilt.stack = error.stackTrace;
      return rebuilt;
    }
    case "CUSTOM_ERROR":
      return parseOr(error.raw);
    case "STRING_ERROR":
      return error.raw;
    case "INTERNAL_ERROR": {
      const rebuilt = new Error(error.message ?? `the run ended with ${error.code}`);
      rebuilt.name = error.code;
      if (error.stackTrace) rebuilt.stack = error.stackTrace;
      return rebuilt;
    }
  }
};
