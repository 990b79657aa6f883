import type { InternalErrorCode, TaskError } from "@longshore/shared/contract/task-error";

/** Errors often name their cause in a chain; a loop in it must end somewhere. */
const causesMax = 5;

/** The stack with those of its causes below it: the cause is where the fault is. */
const stackOf = (error: Error): string => {
  const parts = [error.stack ?? `${error.name}: ${error.message}`];
  let cause = error.cause;
  for (let count = 0; cause !== undefined && cause !== null && count < causesMax; count++) {
    const text = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
    parts.push(`[cause]: ${text}`);
    cause = cause instanceof Error ? cause.cause : undefined;
  }
  return parts.join("\n");
};

/** What a task threw, as it is stored. */
export const toTaskError = (thrown: unknown): TaskError => {
  if (thrown instanceof Error) {
    return {
      type: "BUILT_IN_ERROR",
      name: thrown.name,
      message: thrown.message,
      stackTrace: stackOf(thrown),
    };
  }
  if (typeof thrown === "string") return { type: "STRING_ERROR", raw: thrown };
  try {
    return { type: "CUSTOM_ERROR", raw: JSON.stringify(thrown) ?? String(thrown) };
  } catch {
    return { type: "CUSTOM_ERROR", raw: String(thrown) };
  }
};

/** A failure that the platform reports about the task's code. */
export const internalError = (code: InternalErrorCode, thrown: unknown, prefix = ""): TaskError => {
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return {
    type: "INTERNAL_ERROR",
    code,
    message: `${prefix}${message}`,
    ...(thrown instanceof Error ? { stackTrace: stackOf(thrown) } : {}),
  };
};
