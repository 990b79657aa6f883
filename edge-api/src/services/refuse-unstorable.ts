import { AppError } from "@longshore/shared/core/error-codes";
import { isUnstorable } from "../db/retry-conflicts.ts";

/** What a caller is told when the database refused a value that no schema foresaw; null for any other error. */
export const refusalOfUnstorable = (error: unknown): AppError | null =>
  isUnstorable(error)
    ? new AppError("unprocessable", "The request holds a value that cannot be stored.", { cause: error })
    : null;
