import { systemClock } from "@longshore/shared/core/clock";
import { AppError } from "@longshore/shared/core/error-codes";

/** Postgres' codes for "somebody else came first, do it again": deadlock and serialization failure. */
const conflictCodes = new Set(["40P01", "40001"]);

/** Classes of SQLSTATE that blame a value: wrong data, a broken constraint, a limit of the server. */
const dataClasses = new Set(["22", "23", "54"]);

/** Whether a statement failed because of what it was given: sent again, it fails again. */
export const isDataFault = (error: unknown): boolean => dataClasses.has(codeOf(error)?.slice(0, 2) ?? "");

/** Whether a value was refused as such (a NUL in a text, a number out of range), by the driver or behind a query builder. */
export const isUnstorable = (error: unknown): boolean =>
  codeOf(error)?.startsWith("22") === true ||
  (error instanceof Error && error.cause !== undefined && isUnstorable(error.cause));

const codeOf = (error: unknown): string | undefined => {
  if (typeof error !== "object" || error === null || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
};

/** The pause before another try, doubling, a random part of it: those that met should not meet again. Units: milliseconds. */
const pauseMs = 5;

/**
 * Runs a single statement again when Postgres chose it as the victim of a conflict: it left nothing behind.
 *
 * Errors: `unavailable` after `triesMax` tries, else what the statement throws.
 */
export const retryConflicts = async <T>(run: () => Promise<T>, triesMax = 6): Promise<T> => {
  for (let attempt = 1; ; attempt++) {
    try {
      return await run();
    } catch (error) {
      if (!conflictCodes.has(codeOf(error) ?? "")) throw error;
      if (attempt >= triesMax)
        throw new AppError("unavailable", "Other requests are in the way; try again.", { cause: error });
      await systemClock.sleep(Math.random() * pauseMs * 2 ** attempt);
    }
  }
};
