import { AppError } from "@longshore/shared/core/error-codes";
import { findInfinite } from "../domain/find-infinite.ts";

/**
 * A value that a caller sent, as JSON. `name` is the field that it was sent in.
 *
 * Errors: `unprocessable` naming the field, for a value nested too deeply, or a number such as `1e400` that would be written as null.
 */
export const writeJson = (value: unknown, name: string): string => {
  const text = stringify(value, name);
  // Most texts have no null, and need no second look.
  const path = text.includes("null") ? findInfinite(value, name) : null;
  if (path === null) return text;
  throw new AppError("unprocessable", `${path} is a number that is too large to be kept.`);
};

const stringify = (value: unknown, name: string): string => {
  try {
    return JSON.stringify(value);
  } catch (cause) {
    throw new AppError("unprocessable", `The ${name} is nested too deeply.`, { cause });
  }
};
