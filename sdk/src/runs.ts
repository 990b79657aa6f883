import type { RunStatus } from "@longshore/shared/contract/run-status";
import type { Run as RunOnWire, RunSummary } from "@longshore/shared/contract/runs";
import { systemClock } from "@longshore/shared/core/clock";
import { ambientApi } from "./configure.ts";
import type { Api } from "./http/api.ts";
import { listPages, type PagePromise } from "./http/pages.ts";
import type { AnyTask, TaskOutput, TaskPayload } from "./task-handle.ts";
import type { RunHandle } from "./trigger.ts";

const dateFields = [
  "createdAt",
  "updatedAt",
  "startedAt",
  "finishedAt",
  "delayedUntil",
  "expiredAt",
] as const;

/** The same record with its wire dates as `Date`. */
type WithDates<T> = T extends unknown
  ? { [Key in keyof T]: Key extends (typeof dateFields)[number] ? Date | Extract<T[Key], undefined> : T[Key] }
  : never;

type Typed<T, TInput, TOutput> = T extends unknown
  ? {
      [Key in keyof T]: Key extends "payload"
        ? TInput | undefined
        : Key extends "output"
          ? TOutput | undefined
          : T[Key];
    }
  : never;

/** A run in a list. */
export type RunItem = WithDates<RunSummary>;

/** A run in full: what else it carries (`output`, `error`, `finishedAt`) follows from its `status`. */
export type Run<TInput = unknown, TOutput = unknown> = Typed<WithDates<RunOnWire>, TInput, TOutput>;

/** What names a run: its id, the handle of its trigger, or (as a type argument) its task. */
export type RunSource = string | { id: string };

/** Typed by the handle it is given, or by a task: `runs.retrieve<typeof myTask>("run_…")`. */
type RetrieveRun = {
  <TInput, TOutput>(run: RunHandle<string, TInput, TOutput>): Promise<Run<TInput, TOutput>>;
  <TTask extends AnyTask = AnyTask>(run: RunSource): Promise<Run<TaskPayload<TTask>, TaskOutput<TTask>>>;
};

/** Units: milliseconds between two questions, 1000 by default. */
export type PollOptions = { pollIntervalMs?: number; signal?: AbortSignal };

type PollRun = {
  <TInput, TOutput>(
    run: RunHandle<string, TInput, TOutput>,
    options?: PollOptions,
  ): Promise<Run<TInput, TOutput>>;
  <TTask extends AnyTask = AnyTask>(
    run: RunSource,
    options?: PollOptions,
  ): Promise<Run<TaskPayload<TTask>, TaskOutput<TTask>>>;
};

type OneOrMany<T> = T | readonly T[];

/** Which runs to list. Units: `limit` per page, at most 100; `period` a duration such as "1d". */
export type ListRunsQuery = {
  status?: OneOrMany<RunStatus>;
  taskIdentifier?: OneOrMany<string>;
  version?: OneOrMany<string>;
  tag?: OneOrMany<string>;
  queue?: OneOrMany<string>;
  machine?: OneOrMany<string>;
  isTest?: boolean;
  from?: Date | number;
  to?: Date | number;
  period?: string;
  limit?: number;
  after?: string;
  before?: string;
};

const withDates = <T extends object>(wire: T): WithDates<T> => {
  const run: Record<string, unknown> = Object.fromEntries(Object.entries(wire));
  for (const field of dateFields) {
    const value = run[field];
    if (typeof value === "string") run[field] = new Date(value);
  }
  return run as WithDates<T>;
};

const many = (value: OneOrMany<string> | undefined) => (typeof value === "string" ? [value] : value);
const epochMs = (value: Date | number | undefined) => (value instanceof Date ? value.getTime() : value);

const listQuery = (query: ListRunsQuery) => ({
  "page[size]": query.limit,
  "page[after]": query.after,
  "page[before]": query.before,
  "filter[status]": many(query.status),
  "filter[taskIdentifier]": many(query.taskIdentifier),
  "filter[version]": many(query.version),
  "filter[tag]": many(query.tag),
  "filter[queue]": many(query.queue),
  "filter[machine]": many(query.machine),
  "filter[isTest]": query.isTest,
  "filter[createdAt][from]": epochMs(query.from),
  "filter[createdAt][to]": epochMs(query.to),
  "filter[createdAt][period]": query.period,
});

const idOf = (source: RunSource): string => (typeof source === "string" ? source : source.id);

/** Path of a run's endpoint. Source: the client wire contract, 4.3. */
export const runPath = (version: 1 | 2 | 3, source: RunSource, rest = ""): string =>
  `/api/v${version}/runs/${encodeURIComponent(idOf(source))}${rest}`;

/**
 * Reads what every answer about a run must have. The full schemas stay out: they would come into each task bundle, and
 * their import into each cold start.
 */
const parseRun = <T extends object>(fields: readonly string[]) => ({
  parse: (value: unknown): T => {
    const record = value as Record<string, unknown> | null | undefined;
    const missing = fields.find((field) => record?.[field] === undefined);
    if (missing !== undefined) throw new TypeError(`a run must have \`${missing}\``);
    return value as T;
  },
});

const runSchema = parseRun<RunOnWire>(["id", "status", "isCompleted", "createdAt"]);
const itemSchema = parseRun<RunSummary>(["id", "status", "isCompleted", "createdAt"]);
const idSchema = parseRun<{ id: string }>(["id"]);

/** The runs of an environment. */
export type RunsClient = {
  retrieve: RetrieveRun;
  /** Await it for a page, or iterate it for every run. */
  list(query?: ListRunsQuery): PagePromise<RunItem>;
  /** Cancels a run that is not over; one that is stays as it is. */
  cancel(run: RunSource): Promise<{ id: string }>;
  /** Asks until the run is over. */
  poll: PollRun;
};

/** Binds the noun to an API. */
export const runsOf = (api: () => Api): RunsClient => {
  const retrieve = async (run: RunSource, signal?: AbortSignal): Promise<Run> => {
    const wire = await api().request(runSchema, "GET", runPath(3, run), signal ? { signal } : {});
    return withDates(wire) as Run;
  };
  return {
    retrieve: ((run: RunSource) => retrieve(run)) as RetrieveRun,
    list: (query = {}) =>
      listPages(api(), "/api/v1/runs", listQuery(query), (value) => withDates(itemSchema.parse(value))),
    cancel: async (run) => api().request(idSchema, "POST", runPath(2, run, "/cancel")),
    poll: (async (run: RunSource, { pollIntervalMs = 1_000, signal }: PollOptions = {}) => {
      for (;;) {
        const current = await retrieve(run, signal);
        if (current.isCompleted) return current;
        await systemClock.sleep(pollIntervalMs, signal);
        signal?.throwIfAborted();
      }
    }) as PollRun,
  };
};

/** The runs of the configured environment; inside a task, of the task's own. */
export const runs: RunsClient = runsOf(ambientApi);
