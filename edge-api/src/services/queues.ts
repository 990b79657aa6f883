import type { QueueItem, QueueList, QueueQuery } from "@longshore/shared/contract/queues";
import { AppError } from "@longshore/shared/core/error-codes";
import { findQueue, listQueues, type QueueRow } from "../db/queries/list-queues.ts";
import { changeQueue, type QueueChange } from "../db/transitions/change-queue.ts";
import { type Principal, requireScope } from "./authenticate.ts";
import type { Deps } from "./deps.ts";
import { offsetPage } from "./offset-page.ts";
import { wakeAfter } from "./wake.ts";
import { wireDateOrNull } from "./wire-date.ts";

const serialise = (row: QueueRow): QueueItem => {
  const chosen = row.override ?? row.limit;
  const current = chosen === null ? null : Math.min(chosen, row.environmentLimit);
  return {
    id: row.id,
    // A task's own queue goes by the task's id. Source: the client wire contract, 4.7.
    name: row.type === "task" ? row.name.replace(/^task\//, "") : row.name,
    type: row.type,
    running: row.running,
    queued: row.queued,
    paused: row.paused,
    concurrencyLimit: current,
    version: "V1",
    concurrency: {
      current,
      base: row.limit,
      override: row.override,
      overriddenAt: wireDateOrNull(row.overriddenAt),
      overriddenBy: null,
    },
  };
};

/** Clients encode a slash twice; once is understood as well. Source: the client wire contract, 4.7. */
const nameOf = (segment: string): string => segment.replace(/%2f/gi, "/");

const resource = (name: string) => [{ type: "queues", id: name }];
const missing = () => new AppError("not_found", "Queue not found", { shouldRetry: false });

/** `GET /api/v1/queues`. Errors: `forbidden`. */
export const listQueuePage = async (
  deps: Deps,
  principal: Principal,
  query: { page: number; perPage: number },
): Promise<QueueList> => {
  requireScope(principal, "read", [{ type: "queues" }]);
  const page = offsetPage(query);
  const { count, rows } = await listQueues(deps.db, principal.environmentId, page);
  return { data: rows.map(serialise), pagination: page.pagination(count) };
};

/** `GET /api/v1/queues/:queue`. Errors: `forbidden`, `not_found`. */
export const readQueue = async (
  deps: Deps,
  principal: Principal,
  segment: string,
  { type }: QueueQuery,
): Promise<QueueItem> => {
  const value = nameOf(segment);
  requireScope(principal, "read", resource(value));
  const row = await findQueue(deps.db, { environmentId: principal.environmentId, by: type, value });
  if (row === null) throw missing();
  return serialise(row);
};

/** `POST /api/v1/queues/:queue/…`: what may start now starts at once. Errors: `forbidden`, `not_found`. */
export const updateQueue = async (
  deps: Deps,
  principal: Principal,
  segment: string,
  { type }: QueueQuery,
  change: QueueChange,
): Promise<QueueItem> => {
  const value = nameOf(segment);
  requireScope(principal, "write", resource(value));
  const { environmentId } = principal;
  const row = await changeQueue(deps.db, { environmentId, by: type, value }, change);
  if (row === null) throw missing();
  if (change.paused !== true) await wakeAfter(deps, { environmentIds: [environmentId], agentIds: [] });
  return serialise(row);
};
