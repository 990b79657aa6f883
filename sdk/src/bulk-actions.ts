import type { BulkAction as BulkActionOnWire } from "@longshore/shared/contract/bulk-actions";
import { systemClock } from "@longshore/shared/core/clock";
import type { Api } from "./http/api.ts";
import { listPages, type PagePromise } from "./http/pages.ts";
import { recordDecoder } from "./http/record-decoder.ts";
import { callParts, type RequestOptions } from "./http/request-options.ts";
import { bulkFilter, type RunFilter } from "./run-filter.ts";
import { type WithDates, withDates } from "./wire-dates.ts";

/** Something that is done to many runs, one after the other. */
export type BulkAction = WithDates<BulkActionOnWire, "createdAt" | "completedAt">;

/** Which runs: at most 500 by id, or all that a filter finds. */
export type BulkSelection =
  | { runIds: readonly string[]; filter?: never }
  | { filter: RunFilter; runIds?: never };
export type BulkCancelOptions = BulkSelection & { name?: string };
/** `targetRegion`: where the new runs go; by default where the old ones were. */
export type BulkReplayOptions = BulkCancelOptions & { targetRegion?: string };

const idSchema = recordDecoder<{ id: string }>("a bulk action's answer", ["id"]);
const actionSchema = recordDecoder<BulkActionOnWire>("a bulk action", ["id", "type", "status", "counts"]);

const read = (wire: unknown): BulkAction => withDates(actionSchema.parse(wire), ["createdAt", "completedAt"]);

/** The bulk actions of an environment. */
export type BulkActionsClient = {
  cancel(options: BulkCancelOptions, requestOptions?: RequestOptions): Promise<{ id: string }>;
  replay(options: BulkReplayOptions, requestOptions?: RequestOptions): Promise<{ id: string }>;
  list(
    query?: { limit?: number; after?: string; before?: string },
    requestOptions?: RequestOptions,
  ): PagePromise<BulkAction>;
  retrieve(id: string, requestOptions?: RequestOptions): Promise<BulkAction>;
  /** What was done stays done. */
  abort(id: string, requestOptions?: RequestOptions): Promise<{ id: string }>;
  /** Asks until the action is over. Units: milliseconds between two questions, 1000 by default. */
  poll(
    id: string,
    options?: { pollIntervalMs?: number },
    requestOptions?: RequestOptions,
  ): Promise<BulkAction>;
};

const pathOf = (id: string, rest = ""): string => `/api/v1/bulk-actions/${encodeURIComponent(id)}${rest}`;

/** Binds the noun to an API. */
export const bulkActionsOf = (api: () => Api): BulkActionsClient => {
  const begin = async (
    action: "cancel" | "replay",
    { filter, ...options }: BulkReplayOptions,
    requestOptions: RequestOptions | undefined,
  ) =>
    api().request(idSchema, "POST", "/api/v1/bulk-actions", {
      ...callParts(requestOptions),
      body: { ...options, action, ...(filter ? { filter: bulkFilter(filter) } : {}) },
    });
  const retrieve = async (id: string, requestOptions?: RequestOptions) =>
    api().request({ parse: read }, "GET", pathOf(id), callParts(requestOptions));
  return {
    cancel: (options, requestOptions) => begin("cancel", options, requestOptions),
    replay: (options, requestOptions) => begin("replay", options, requestOptions),
    list: ({ limit, after, before } = {}, requestOptions) =>
      listPages(
        api(),
        "/api/v1/bulk-actions",
        { "page[size]": limit, "page[after]": after, "page[before]": before },
        read,
        requestOptions,
      ),
    retrieve,
    abort: async (id, requestOptions) =>
      api().request(idSchema, "POST", pathOf(id, "/abort"), callParts(requestOptions)),
    poll: async (id, { pollIntervalMs = 1_000 } = {}, requestOptions) => {
      for (;;) {
        const action = await retrieve(id, requestOptions);
        if (action.status !== "PENDING") return action;
        await systemClock.sleep(pollIntervalMs, requestOptions?.signal);
        requestOptions?.signal?.throwIfAborted();
      }
    },
  };
};
