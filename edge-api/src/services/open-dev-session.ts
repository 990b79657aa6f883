import type { DevSession } from "@longshore/shared/contract/account";
import { AppError } from "@longshore/shared/core/error-codes";
import { newId } from "@longshore/shared/core/ids";
import { openDevSession as openRow } from "../db/transitions/open-dev-session.ts";
import { createPlaceToken } from "./account.ts";
import { createEnrolToken } from "./agents.ts";
import type { Person } from "./authenticate.ts";
import type { Deps } from "./deps.ts";

/**
 * `POST /api/v1/projects/:ref/dev-sessions`: an environment below development for one `longshore dev`, with a token of
 * it and one that makes its machine the agent of that environment alone. A name that is known is the same session again.
 *
 * Errors: `not_found` for a project that the person may not change, or that has no development environment.
 */
export const openDevSession = async (
  deps: Deps,
  person: Person,
  place: { ref: string; name: string },
): Promise<DevSession> => {
  const ids = { environment: newId("environment"), pool: newId("pool") };
  const environmentId = await openRow(deps.db, { ...place, userId: person.userId }, ids);
  if (environmentId === null) throw new AppError("not_found", "Project not found", { shouldRetry: false });
  const access = { kind: "person", environmentId, scopes: null } as const;
  const [bought, enrol] = [await createPlaceToken(deps, access), await createEnrolToken(deps, environmentId)];
  return { ...bought, enrolToken: enrol.token };
};
