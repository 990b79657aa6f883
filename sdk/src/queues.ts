import type { QueueItem as QueueOnWire } from "@longshore/shared/contract/queues";
import { ambientApi } from "./configure.ts";
import type { Api } from "./http/api.ts";
import { listOffsetPages, type OffsetPagePromise, type OffsetQuery } from "./http/offset-pages.ts";
import { recordDecoder } from "./http/record-decoder.ts";
import { callParts, type RequestOptions } from "./http/request-options.ts";
import type { QueueName } from "./run-filter.ts";
import { withDates } from "./wire-dates.ts";

/** A queue as it is now. */
export type QueueItem = Omit<QueueOnWire, "concurrency"> & {
  concurrency: Omit<QueueOnWire["concurrency"], "overriddenAt"> & { overriddenAt: Date | null };
};

/** Which queue: its id, the task it belongs to, or the name that the code gives it. */
export type QueueReference = string | QueueName;

const queueSchema = recordDecoder<QueueOnWire>("a queue", ["id", "name", "type", "concurrency"]);
const read = (wire: unknown): QueueItem => {
  const queue = queueSchema.parse(wire);
  return { ...queue, concurrency: withDates(queue.concurrency, ["overriddenAt"]) };
};
const readSchema = { parse: read };

/** A slash in a name is encoded twice. Source: the client wire contract, 4.7. */
const routeOf = (queue: QueueReference, rest = "") => {
  const { type, name } = typeof queue === "string" ? { type: "id" as const, name: queue } : queue;
  return { type, path: `/api/v1/queues/${encodeURIComponent(name.replaceAll("/", "%2F"))}${rest}` };
};

/** The queues of an environment. */
export type QueuesClient = {
  list(query?: OffsetQuery, requestOptions?: RequestOptions): OffsetPagePromise<QueueItem>;
  retrieve(queue: QueueReference, requestOptions?: RequestOptions): Promise<QueueItem>;
  /** No more of its runs start; those that execute go on. */
  pause(queue: QueueReference, requestOptions?: RequestOptions): Promise<QueueItem>;
  resume(queue: QueueReference, requestOptions?: RequestOptions): Promise<QueueItem>;
  /** Holds until it is reset, also over deployments. */
  overrideConcurrencyLimit(
    queue: QueueReference,
    concurrencyLimit: number,
    requestOptions?: RequestOptions,
  ): Promise<QueueItem>;
  /** Back to what the code declares. */
  resetConcurrencyLimit(queue: QueueReference, requestOptions?: RequestOptions): Promise<QueueItem>;
};

/** Binds the noun to an API. */
export const queuesOf = (api: () => Api): QueuesClient => {
  const change = async (
    queue: QueueReference,
    rest: string,
    body: object,
    options: RequestOptions | undefined,
  ) => {
    const { type, path } = routeOf(queue, rest);
    return api().request(readSchema, "POST", path, { ...callParts(options), body: { type, ...body } });
  };
  return {
    list: (query = {}, options) => listOffsetPages(api(), "/api/v1/queues", { ...query }, read, options),
    retrieve: async (queue, options) => {
      const { type, path } = routeOf(queue);
      return api().request(readSchema, "GET", path, { ...callParts(options), query: { type } });
    },
    pause: (queue, options) => change(queue, "/pause", { action: "pause" }, options),
    resume: (queue, options) => change(queue, "/pause", { action: "resume" }, options),
    overrideConcurrencyLimit: (queue, concurrencyLimit, options) =>
      change(queue, "/concurrency/override", { concurrencyLimit }, options),
    resetConcurrencyLimit: (queue, options) => change(queue, "/concurrency/reset", {}, options),
  };
};

/** The queues of the configured environment; inside a task, of the task's own. */
export const queues = queuesOf(ambientApi);
