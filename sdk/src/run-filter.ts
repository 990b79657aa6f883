import type { RunStatus } from "@longshore/shared/contract/run-status";
import type { QueryValue } from "./http/api.ts";

/** One or several; a run with any of them is meant. */
export type OneOrMany<T> = T | readonly T[];

/** A queue as a filter names it: the one of a task, or one that the code declares. */
export type QueueName = { type: "task" | "custom"; name: string };

/** Which runs. Units: `from` and `to` as dates or Unix milliseconds; `period` a duration such as "1d". */
export type RunFilter = {
  status?: OneOrMany<RunStatus> | undefined;
  taskIdentifier?: OneOrMany<string> | undefined;
  version?: OneOrMany<string> | undefined;
  tag?: OneOrMany<string> | undefined;
  /** A name alone is that of a declared queue, or `task/<id>`. */
  queue?: OneOrMany<string | QueueName> | undefined;
  machine?: OneOrMany<string> | undefined;
  region?: OneOrMany<string> | undefined;
  bulkAction?: string | undefined;
  schedule?: string | undefined;
  batch?: string | undefined;
  isTest?: boolean | undefined;
  from?: Date | number | undefined;
  to?: Date | number | undefined;
  period?: string | undefined;
};

/** Which runs to list. Units: `limit` per page, at most 100. */
export type ListRunsQuery = RunFilter & {
  limit?: number | undefined;
  after?: string | undefined;
  before?: string | undefined;
  /** Environments, where the runs of a whole project are listed: dev, staging, prod, preview. */
  env?: OneOrMany<string> | undefined;
};

const isMany = <T>(value: OneOrMany<T>): value is readonly T[] => Array.isArray(value);
const many = <T>(value: OneOrMany<T> | undefined): readonly T[] | undefined =>
  value === undefined ? undefined : isMany(value) ? value : [value];
const epochMs = (value: Date | number | undefined) => (value instanceof Date ? value.getTime() : value);

const queueText = (queue: string | QueueName): string => {
  if (typeof queue === "string") return queue;
  return queue.type === "task" ? `task/${queue.name}` : queue.name;
};

const queueName = (queue: string | QueueName): QueueName => {
  if (typeof queue !== "string") return queue;
  return queue.startsWith("task/")
    ? { type: "task", name: queue.slice("task/".length) }
    : { type: "custom", name: queue };
};

/** The query of a list. Source: the client wire contract, 4.3. */
export const runListQuery = (query: ListRunsQuery): Record<string, QueryValue> => ({
  "page[size]": query.limit,
  "page[after]": query.after,
  "page[before]": query.before,
  "filter[env]": many(query.env),
  "filter[status]": many(query.status),
  "filter[taskIdentifier]": many(query.taskIdentifier),
  "filter[version]": many(query.version),
  "filter[tag]": many(query.tag),
  "filter[queue]": many(query.queue)?.map(queueText),
  "filter[machine]": many(query.machine),
  "filter[region]": many(query.region),
  "filter[bulkAction]": query.bulkAction,
  "filter[schedule]": query.schedule,
  "filter[batch]": query.batch,
  "filter[isTest]": query.isTest,
  "filter[createdAt][from]": epochMs(query.from),
  "filter[createdAt][to]": epochMs(query.to),
  "filter[createdAt][period]": query.period,
});

/** The same filter as the body of a bulk action has it. Source: the client wire contract, 4.4. */
export const bulkFilter = (filter: RunFilter): Record<string, unknown> => ({
  ...filter,
  queue: many(filter.queue)?.map(queueName),
  from: epochMs(filter.from),
  to: epochMs(filter.to),
});
