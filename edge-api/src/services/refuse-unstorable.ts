import { AppError } from "@longshore/shared/core/error-codes";
import { isDataFault, isUnstorable } from "../db/retry-conflicts.ts";

const cannotBeStored = "The request holds a value that cannot be stored.";

/** What a caller is told when the database refused a value that no schema foresaw; null for any other error. */
export const refusalOfUnstorable = (error: unknown): AppError | null =>
  isUnstorable(error) ? new AppError("unprocessable", cannotBeStored, { cause: error }) : null;

/**
 * For a statement's `catch`: what it was given is at fault, in a value or, since a database may hold less depth than this
 * runtime writes, in its depth. Errors: `unprocessable` with `message`; any other error as it came.
 */
export const refuseDataFault =
  (message: string = cannotBeStored) =>
  (cause: unknown): never => {
    if (!isDataFault(cause)) throw cause;
    throw new AppError("unprocessable", message, { cause });
  };
