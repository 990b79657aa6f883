import type { Deps } from "./deps.ts";

/**
 * Does one part of a larger work. A part that fails is logged by its name and answers null, so that one row that cannot be
 * dealt with does not keep the others from being done.
 */
export const tryPart = async <T>(
  deps: Pick<Deps, "log">,
  part: string,
  work: () => Promise<T>,
): Promise<T | null> => {
  try {
    return await work();
  } catch (error) {
    deps.log("part.failed", {
      part,
      error: error instanceof Error ? (error.stack ?? error.message) : String(error),
    });
    return null;
  }
};
