import type { EnvironmentConcurrency } from "@longshore/shared/contract/queues";
import { AppError } from "@longshore/shared/core/error-codes";
import {
  changeEnvironment,
  type EnvironmentRow,
  readEnvironmentSlots,
} from "../db/transitions/change-environment.ts";
import { type Principal, requireOutsider, requireScope } from "./authenticate.ts";
import type { Deps } from "./deps.ts";
import { wakeAfter } from "./wake.ts";

const present = (row: EnvironmentRow | null): EnvironmentConcurrency => {
  if (row === null) throw new AppError("not_found", "Environment not found", { shouldRetry: false });
  return row;
};

/** `GET /api/v1/environment/concurrency`. Errors: `forbidden`. */
export const readEnvironmentConcurrency = async (
  deps: Deps,
  principal: Principal,
): Promise<EnvironmentConcurrency> => {
  requireScope(principal, "read", [{ type: "queues" }]);
  return present(await readEnvironmentSlots(deps.db, principal.environmentId));
};

/** `PUT /api/v1/environment/concurrency` and `/pause`: holds for the next claim. Errors: `forbidden`. */
export const updateEnvironmentConcurrency = async (
  deps: Deps,
  principal: Principal,
  change: Parameters<typeof changeEnvironment>[2],
): Promise<EnvironmentConcurrency> => {
  requireOutsider(principal);
  requireScope(principal, "write", [{ type: "queues" }]);
  const row = present(await changeEnvironment(deps.db, principal.environmentId, change));
  await wakeAfter(deps, { environmentIds: [principal.environmentId], agentIds: [] });
  return row;
};
