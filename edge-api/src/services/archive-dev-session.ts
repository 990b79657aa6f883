import type { ArchivedDevSession } from "@longshore/shared/contract/account";
import { AppError } from "@longshore/shared/core/error-codes";
import { archiveDevSession as archiveRow } from "../db/transitions/archive-dev-sessions.ts";
import type { Person } from "./authenticate.ts";
import type { Deps } from "./deps.ts";

/**
 * `POST /api/v1/projects/:ref/dev-sessions/archive`: what a `longshore dev` says when it ends. A session of which something
 * still runs, or that another agent serves, stays. Errors: `not_found` for one that the person may not change.
 */
export const archiveDevSession = async (
  deps: Deps,
  person: Person,
  place: { ref: string; name: string },
): Promise<ArchivedDevSession> => {
  const { silentMs, holdMs } = deps.settings;
  const archived = await archiveRow(deps.db, { ...place, userId: person.userId }, silentMs + holdMs);
  if (archived === null) throw new AppError("not_found", "Session not found", { shouldRetry: false });
  return archived;
};
