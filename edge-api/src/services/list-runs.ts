import type { RunList, RunListQuery } from "@longshore/shared/contract/runs";
import { parseDurationMs } from "@longshore/shared/core/durations";
import { AppError } from "@longshore/shared/core/error-codes";
import { listRuns } from "../db/queries/list-runs.ts";
import { findEnvironmentSlug } from "../db/queries/read-runs.ts";
import type { RunFilter } from "../db/queries/run-filter.ts";
import { statesOfStatus } from "../domain/wire-status.ts";
import { type Principal, requireScope } from "./authenticate.ts";
import type { Deps } from "./deps.ts";
import type { NamedPlace } from "./enter-project.ts";
import { serialiseSummary, type Vocabulary } from "./serialise-run.ts";

/** A filter of the wire in the words of the database. Errors: `bad_request` for a period that is none. */
export const toRunFilter = (query: Partial<RunListQuery>): RunFilter => {
  const filter: RunFilter = {};
  if (query["filter[status]"]) filter.states = query["filter[status]"].flatMap(statesOfStatus);
  if (query["filter[taskIdentifier]"]) filter.tasks = query["filter[taskIdentifier]"];
  if (query["filter[version]"]) filter.versions = query["filter[version]"];
  if (query["filter[tag]"]) filter.tags = query["filter[tag]"];
  if (query["filter[queue]"]) filter.queueNames = query["filter[queue]"];
  if (query["filter[machine]"]) filter.machines = query["filter[machine]"];
  if (query["filter[batch]"]) filter.batchIds = query["filter[batch]"];
  if (query["filter[region]"]) filter.regions = query["filter[region]"];
  if (query["filter[schedule]"]) filter.scheduleIds = query["filter[schedule]"];
  if (query["filter[bulkAction]"]) filter.bulkActionIds = query["filter[bulkAction]"];
  if (query["filter[error]"]) filter.errors = query["filter[error]"];
  if (query["filter[isTest]"]) filter.isTest = query["filter[isTest]"] === "true";
  const from = query["filter[createdAt][from]"] ?? sinceOf(query["filter[createdAt][period]"]);
  if (from !== undefined) filter.fromMs = from;
  const to = query["filter[createdAt][to]"];
  if (to !== undefined) filter.toMs = to;
  return filter;
};

const sinceOf = (period: string | undefined): number | undefined => {
  if (period === undefined) return undefined;
  const periodMs = parseDurationMs(period);
  if (periodMs === null)
    throw new AppError(
      "bad_request",
      `Invalid filter[createdAt][period] "${period}": a duration such as 7d.`,
    );
  return Math.max(0, Date.now() - periodMs);
};

/** The tags of a filter must all be there, so a right to one covers the list; its tasks are alternatives, so each needs one. */
const requireListScope = (principal: Principal, query: RunListQuery): void => {
  const tags = (query["filter[tag]"] ?? []).map((id) => ({ type: "tags", id }));
  const tasks = query["filter[taskIdentifier]"] ?? [];
  const whole = [{ type: "runs" }, ...tags];
  if (tasks.length === 0) requireScope(principal, "read", whole);
  for (const id of tasks) requireScope(principal, "read", [...whole, { type: "tasks", id }]);
};

const pageOf = async (
  deps: Deps,
  places: readonly NamedPlace[],
  query: RunListQuery,
  vocabulary: Vocabulary,
): Promise<RunList> => {
  const after = query["page[after]"];
  const before = query["page[before]"];
  const page = await listRuns(
    deps.db,
    places.map(({ id }) => id),
    toRunFilter(query),
    {
      size: query["page[size]"],
      ...(after === undefined ? {} : { after }),
      ...(before === undefined ? {} : { before }),
    },
  );
  const names = new Map(places.map(({ id, slug }) => [id, slug]));
  const last = page.rows.at(-1)?.id;
  const first = page.rows[0]?.id;
  return {
    data: page.rows.map((row) => ({
      ...serialiseSummary(row, vocabulary),
      env: { id: row.environmentId, name: names.get(row.environmentId) ?? "" },
    })),
    pagination: {
      ...(page.hasOlder && last !== undefined ? { next: last } : {}),
      ...(page.hasNewer && first !== undefined ? { previous: first } : {}),
    },
  };
};

/** `GET /api/v1/runs`: newest first, by cursor. Errors: `bad_request`, `forbidden`. */
export const listRunPage = async (
  deps: Deps,
  principal: Principal,
  query: RunListQuery,
  vocabulary: Vocabulary,
): Promise<RunList> => {
  requireListScope(principal, query);
  const id = principal.environmentId;
  const slug = await findEnvironmentSlug(deps.db, id);
  return pageOf(deps, [{ id, slug }], query, vocabulary);
};

/** Names that client packages give environments, where ours is another. Source: their `filter[env]`. */
const clientSlugs: Record<string, string> = { staging: "stg" };

/**
 * `GET /api/v1/projects/:ref/runs`: of those environments of the project that the caller may see (`seen`).
 * Errors: as for one environment.
 */
export const listProjectRunPage = async (
  deps: Deps,
  principal: Principal,
  seen: readonly NamedPlace[],
  query: RunListQuery & { "filter[env]"?: string[] | undefined },
  vocabulary: Vocabulary,
): Promise<RunList> => {
  requireListScope(principal, query);
  const wanted = query["filter[env]"];
  const slugs = wanted?.map((name) => clientSlugs[name] ?? name);
  const places = seen.filter(({ slug }) => slugs?.includes(slug) ?? true);
  if (places.length === 0) return { data: [], pagination: {} };
  return pageOf(deps, places, query, vocabulary);
};
