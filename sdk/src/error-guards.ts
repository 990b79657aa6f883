import type { BatchTriggerError } from "./batch-trigger-error.ts";
import type { SubtaskUnwrapError } from "./errors.ts";
import type { ApiError, NotFoundError, RateLimitError } from "./http/api-error.ts";

// By name: a bundle and the program around it may each have a copy of the classes, which `instanceof` tells apart.
const isNamed = (error: unknown, name: string): boolean => error instanceof Error && error.name === name;

/** The API refused a call, or could not be reached (then `status` is undefined). */
export const isApiError = (error: unknown): error is ApiError => isNamed(error, "TriggerApiError");

/** There is no such thing in this environment. */
export const isNotFoundError = (error: unknown): error is NotFoundError =>
  isApiError(error) && error.status === 404;

/** Too many requests; `millisecondsUntilReset` says for how long. */
export const isRateLimitError = (error: unknown): error is RateLimitError =>
  isApiError(error) && error.status === 429;

/** A batch was not triggered, or not wholly. */
export const isBatchTriggerError = (error: unknown): error is BatchTriggerError =>
  isNamed(error, "BatchTriggerError");

/** A run that was waited for did not succeed. */
export const isSubtaskUnwrapError = (error: unknown): error is SubtaskUnwrapError =>
  isNamed(error, "SubtaskUnwrapError");
