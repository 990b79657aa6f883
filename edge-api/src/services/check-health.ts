import { AppError } from "@longshore/shared/core/error-codes";
import { ping } from "../db/queries/ping.ts";
import type { Deps } from "./deps.ts";

/** `GET /healthz`. Errors: `unavailable` when the database does not answer. Cost: one round trip. */
export const checkHealth = async (deps: Deps): Promise<{ ok: boolean }> => {
  try {
    await ping(deps.db);
    return { ok: true };
  } catch (cause) {
    throw new AppError("unavailable", "The database does not answer.", { cause });
  }
};
