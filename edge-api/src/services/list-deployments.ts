import type { Deployment } from "@longshore/shared/contract/deployments";
import { parseDurationMs } from "@longshore/shared/core/durations";
import { AppError } from "@longshore/shared/core/error-codes";
import * as rows from "../db/queries/read-deployments.ts";
import { type Principal, requireScope } from "./authenticate.ts";
import type { Deps } from "./deps.ts";
import { serialiseDeployment } from "./serialise-deployment.ts";

export type DeploymentListInput = {
  status?: string | undefined;
  period?: string | undefined;
  from?: string | undefined;
  to?: string | undefined;
  after?: string | undefined;
  size: number;
};

/** Errors: `bad_request` that names the filter. */
const instantOf = (name: string, text: string | undefined): string | null => {
  if (text === undefined) return null;
  const atMs = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(atMs)) throw new AppError("bad_request", `Invalid ${name} "${text}": an ISO 8601 date.`);
  return new Date(atMs).toISOString();
};

const startOf = (input: DeploymentListInput): string | null => {
  const from = instantOf("from", input.from);
  if (from !== null || input.period === undefined) return from;
  const periodMs = parseDurationMs(input.period);
  if (periodMs === null)
    throw new AppError("bad_request", `Invalid period "${input.period}": a duration such as 7d.`);
  return new Date(Math.max(0, Date.now() - periodMs)).toISOString();
};

const requireReader = (principal: Principal, id?: string): void =>
  requireScope(principal, "read", [{ type: "deployments", ...(id === undefined ? {} : { id }) }]);

/** `GET /api/v1/deployments`: newest first. `from` wins over `period`. Errors: `forbidden`, `bad_request`. */
export const listDeployments = async (
  deps: Deps,
  principal: Principal,
  input: DeploymentListInput,
): Promise<{ data: Deployment[]; pagination: { next?: string } }> => {
  requireReader(principal);
  const filter = {
    status: input.status ?? null,
    from: startOf(input),
    to: instantOf("to", input.to),
  };
  const page = { after: input.after ?? null, size: input.size + 1 };
  const found = await rows.listDeployments(deps.db, principal.environmentId, filter, page);
  const data = found.slice(0, input.size).map(serialiseDeployment);
  const last = data.at(-1);
  return { data, pagination: found.length > input.size && last !== undefined ? { next: last.id } : {} };
};

const missing = (message: string) => new AppError("not_found", message, { shouldRetry: false });

/** `GET /api/v1/deployments/:id`, by id or version. Errors: `forbidden`, `not_found`. */
export const readDeployment = async (deps: Deps, principal: Principal, name: string): Promise<Deployment> => {
  const found = await rows.findDeployment(deps.db, name, principal.environmentId);
  requireReader(principal, found?.row.id ?? name);
  if (found === null) throw missing("Deployment not found");
  return serialiseDeployment(found.row);
};

/** `GET /api/v1/deployments/current`. Errors: `forbidden`; `not_found` before the first promotion. */
export const readCurrentDeployment = async (deps: Deps, principal: Principal): Promise<Deployment> => {
  requireReader(principal);
  const { current } = await rows.findCurrentDeployment(deps.db, principal.environmentId);
  if (current === null) throw missing("This environment has no current deployment yet");
  return serialiseDeployment(current);
};
