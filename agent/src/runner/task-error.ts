import type { InternalErrorCode, TaskError } from "@longshore/shared/contract/task-error";

/** What a task threw, as it is stored. */
export const toTaskError = (thrown: unknown): TaskError => {
  if (thrown instanceof Error) {
    return {
      type: "BUILT_IN_ERROR",
      name: thrown.name,
      message: thrown.message,
      stackTrace: thrown.stack ?? "",
    };
  }
  if (typeof thrown === "string") return { type: "STRING_ERROR", raw: thrown };
  try {
    return { type: "CUSTOM_ERROR", raw: JSON.stringify(thrown) ?? String(thrown) };
  } catch {
    return { type: "CUSTOM_ERROR", raw: String(thrown) };
  }
};

export const internalError = (code: InternalErrorCode, thrown: unknown, prefix = ""): TaskError => {
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return {
    type: "INTERNAL_ERROR",
    code,
    message: `${prefix}${message}`,
    ...(thrown instanceof Error && thrown.stack ? { stackTrace: thrown.stack } : {}),
  };
};

/** By name and brand: the bundle carries its own copy of the SDK, so `instanceof` would never match. */
export const isAbort = (thrown: unknown): boolean =>
  typeof thrown === "object" &&
  thrown !== null &&
  ((thrown as { name?: unknown }).name === "AbortTaskRunError" ||
    (thrown as Record<symbol, unknown>)[Symbol.for("longshore.abort-task-run.1")] === true);
