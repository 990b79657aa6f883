import type {
  BulkAction,
  BulkActionList,
  BulkFilter,
  CreateBulkActionBody,
} from "@longshore/shared/contract/bulk-actions";
import { AppError } from "@longshore/shared/core/error-codes";
import { newId } from "@longshore/shared/core/ids";
import { countBulkRuns } from "../db/queries/read-runs.ts";
import type { RunFilter } from "../db/queries/run-filter.ts";
import * as rows from "../db/transitions/bulk-actions.ts";
import { type Principal, requireScope } from "./authenticate.ts";
import type { Deps } from "./deps.ts";
import { toRunFilter } from "./list-runs.ts";
import { wireDate } from "./wire-date.ts";
import { workBulkAction } from "./work-bulk-action.ts";

const serialise = (row: rows.BulkActionRow): BulkAction => ({
  id: row.id,
  ...(row.name === null ? {} : { name: row.name }),
  type: row.type,
  status: row.status,
  counts: { total: row.totalCount, success: row.successCount, failure: row.failureCount },
  createdAt: wireDate(row.createdAt),
  ...(row.completedAt === null ? {} : { completedAt: wireDate(row.completedAt) }),
});

const filterOf = (filter: BulkFilter): RunFilter =>
  toRunFilter({
    "filter[status]": filter.status,
    "filter[taskIdentifier]": filter.taskIdentifier,
    "filter[version]": filter.version,
    "filter[tag]": filter.tag,
    "filter[queue]": filter.queue?.map(({ type, name }) =>
      type === "task" && !name.startsWith("task/") ? `task/${name}` : name,
    ),
    "filter[machine]": filter.machine,
    "filter[region]": filter.region,
    "filter[bulkAction]": filter.bulkAction === undefined ? undefined : [filter.bulkAction],
    "filter[schedule]": filter.schedule === undefined ? undefined : [filter.schedule],
    "filter[batch]": filter.batch === undefined ? undefined : [filter.batch],
    "filter[isTest]": filter.isTest === undefined ? undefined : filter.isTest ? "true" : "false",
    "filter[createdAt][from]": filter.from,
    "filter[createdAt][to]": filter.to,
    "filter[createdAt][period]": filter.period,
  });

const requireRight = (principal: Principal, action: "read" | "write"): void =>
  requireScope(principal, action, [{ type: "runs" }]);

const missing = () => new AppError("not_found", "Bulk action not found", { shouldRetry: false });

/** `POST /api/v1/bulk-actions`: accepted at once, worked off afterwards. Errors: `forbidden`, `bad_request`. */
export const createBulkAction = async (
  deps: Deps,
  principal: Principal,
  body: CreateBulkActionBody,
): Promise<{ id: string }> => {
  requireRight(principal, "write");
  const { environmentId } = principal;
  const id = newId("bulkAction");
  const type = body.action === "cancel" ? "CANCEL" : "REPLAY";
  const runIds = body.runIds && [...new Set(body.runIds)];
  const filter = body.filter && filterOf(body.filter);
  const target: rows.BulkTarget = {
    ...(runIds === undefined ? {} : { runIds }),
    ...(filter === undefined ? {} : { filter }),
    ...(body.targetRegion === undefined ? {} : { region: body.targetRegion }),
  };
  const totalCount =
    runIds?.length ??
    (await countBulkRuns(deps.db, { environmentId, bulkActionId: id, type, filter: filter ?? {} }));
  await rows.createBulkAction(deps.db, {
    id,
    environmentId,
    name: body.name ?? null,
    type,
    target,
    totalCount,
  });
  deps.later(workBulkAction(deps, id));
  return { id };
};

/** `GET /api/v1/bulk-actions/:id`. Errors: `forbidden`, `not_found`. */
export const readBulkAction = async (deps: Deps, principal: Principal, id: string): Promise<BulkAction> => {
  requireRight(principal, "read");
  const row = await rows.findBulkAction(deps.db, id, principal.environmentId);
  if (row === null) throw missing();
  return serialise(row);
};

/** `POST /api/v1/bulk-actions/:id/abort`: what was done stays done. Errors: `forbidden`, `not_found`. */
export const abortBulkAction = async (
  deps: Deps,
  principal: Principal,
  id: string,
): Promise<{ id: string }> => {
  requireRight(principal, "write");
  if (!(await rows.abortBulkAction(deps.db, id, principal.environmentId))) throw missing();
  return { id };
};

/** `GET /api/v1/bulk-actions`: newest first. Errors: `forbidden`. */
export const listBulkActionPage = async (
  deps: Deps,
  principal: Principal,
  page: { size: number; after: string | undefined; before: string | undefined },
): Promise<BulkActionList> => {
  requireRight(principal, "read");
  // Clients that turn back send the cursor they came by as well.
  const before = page.before ?? null;
  const found = await rows.listBulkActions(deps.db, principal.environmentId, {
    after: before === null ? (page.after ?? null) : null,
    before,
    size: page.size + 1,
  });
  const hasMore = found.length > page.size;
  const isBackwards = before !== null;
  const data = isBackwards ? found.slice(hasMore ? 1 : 0) : found.slice(0, page.size);
  const next = data.at(-1)?.id;
  const previous = data[0]?.id;
  return {
    data: data.map(serialise),
    pagination: {
      ...((isBackwards || hasMore) && next !== undefined ? { next } : {}),
      ...((isBackwards ? hasMore : page.after !== undefined) && previous !== undefined ? { previous } : {}),
    },
  };
};
