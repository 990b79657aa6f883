import type { Run as RunOnWire, RunSummary } from "@longshore/shared/contract/runs";
import { systemClock } from "@longshore/shared/core/clock";
import type { AnyTask, TaskOutput, TaskPayload } from "./any-task.ts";
import { type BulkActionsClient, bulkActionsOf } from "./bulk-actions.ts";
import { ambientApi } from "./configure.ts";
import type { Api } from "./http/api.ts";
import { listPages, type PagePromise } from "./http/pages.ts";
import { recordDecoder } from "./http/record-decoder.ts";
import { callParts, type RequestOptions } from "./http/request-options.ts";
import { type IdempotencyKeyInput, resolveIdempotencyKey } from "./idempotency-keys.ts";
import { fetchPacket } from "./packet-store.ts";
import { stringifySuperjson } from "./packets.ts";
import { type RunDetails, runDetailsOf } from "./run-details.ts";
import { type ListRunsQuery, runListQuery } from "./run-filter.ts";
import { type Run, type RunItem, type RunSource, runPath, runWithDates } from "./run-types.ts";
import type { RunHandle } from "./trigger.ts";
import type { TriggerOptions } from "./trigger-options.ts";

/** How a run is read. `fetchesPackets: false` leaves a large payload and output where their `…PresignedUrl` says. */
export type RetrieveOptions = RequestOptions & { fetchesPackets?: boolean };

/** Typed by the handle it is given, or by a task: `runs.retrieve<typeof myTask>("run_…")`. */
type RetrieveRun = {
  <TInput, TOutput>(
    run: RunHandle<string, TInput, TOutput>,
    options?: RetrieveOptions,
  ): Promise<Run<TInput, TOutput>>;
  <TTask extends AnyTask = AnyTask>(
    run: RunSource,
    options?: RetrieveOptions,
  ): Promise<Run<TaskPayload<TTask>, TaskOutput<TTask>>>;
};

/** What `runs.retrieve` answers for a task, a handle or an id. */
export type RetrieveRunResult<T> =
  T extends RunHandle<string, infer TInput, infer TOutput>
    ? Run<TInput, TOutput>
    : T extends AnyTask
      ? Run<TaskPayload<T>, TaskOutput<T>>
      : Run;

/** Units: milliseconds between two questions, 1000 by default. */
export type PollOptions = { pollIntervalMs?: number; signal?: AbortSignal };

type PollRun = {
  <TInput, TOutput>(
    run: RunHandle<string, TInput, TOutput>,
    options?: PollOptions,
    requestOptions?: RequestOptions,
  ): Promise<Run<TInput, TOutput>>;
  <TTask extends AnyTask = AnyTask>(
    run: RunSource,
    options?: PollOptions,
    requestOptions?: RequestOptions,
  ): Promise<Run<TaskPayload<TTask>, TaskOutput<TTask>>>;
};

type ListRuns = {
  /** Await it for a page, or iterate it for every run. */
  (query?: ListRunsQuery, requestOptions?: RequestOptions): PagePromise<RunItem>;
  /** The runs of a project, by a personal token. */
  (projectRef: string, query?: ListRunsQuery, requestOptions?: RequestOptions): PagePromise<RunItem>;
};

/** What a replay has in place of the run's own. */
export type ReplayOptions = Pick<
  TriggerOptions,
  | "metadata"
  | "tags"
  | "queue"
  | "concurrencyKey"
  | "machine"
  | "version"
  | "region"
  | "delay"
  | "ttl"
  | "idempotencyKeyTTL"
  | "maxAttempts"
  | "maxDuration"
  | "priority"
> & { payload?: unknown; idempotencyKey?: IdempotencyKeyInput };

const runSchema = recordDecoder<RunOnWire>("a run", ["id", "status", "isCompleted", "createdAt"]);
const itemSchema = recordDecoder<RunSummary>("a run", ["id", "status", "isCompleted", "createdAt"]);
const idSchema = recordDecoder<{ id: string }>("a run's answer", ["id"]);

/** The runs of an environment. */
export type RunsClient = RunDetails & {
  retrieve: RetrieveRun;
  list: ListRuns;
  /** Cancels a run that is not over; one that is stays as it is. */
  cancel(run: RunSource, requestOptions?: RequestOptions): Promise<{ id: string }>;
  /** Triggers the run's task again, as it was triggered then, on the current version. */
  replay(run: RunSource, options?: ReplayOptions, requestOptions?: RequestOptions): Promise<{ id: string }>;
  /** Moves the start of a delayed run. Errors: UnprocessableEntityError when it is not delayed any more. */
  reschedule(run: RunSource, body: { delay: string | Date }, requestOptions?: RequestOptions): Promise<Run>;
  /** Asks until the run is over. */
  poll: PollRun;
  /** Many runs at once. */
  bulk: BulkActionsClient;
};

const replayBody = async ({ payload, idempotencyKey, queue, delay, ...options }: ReplayOptions) => ({
  ...options,
  ...(payload === undefined
    ? {}
    : { payload: await stringifySuperjson(payload), payloadType: "application/super+json" }),
  ...(idempotencyKey === undefined
    ? {}
    : { idempotencyKey: (await resolveIdempotencyKey(idempotencyKey)).key }),
  queue: typeof queue === "object" ? queue.name : queue,
  delay: delay instanceof Date ? delay.toISOString() : delay,
});

/** Puts what lies elsewhere in its place. Cost: one request for each. */
const withPackets = async (api: Api, run: Run, signal: AbortSignal | undefined): Promise<Run> => {
  const outputUrl = "outputPresignedUrl" in run ? run.outputPresignedUrl : undefined;
  const fetched = async (field: "payload" | "output", url: string | undefined) =>
    url === undefined ? {} : { [field]: await fetchPacket(api, url, signal) };
  const [payload, output] = await Promise.all([
    fetched("payload", run.payloadPresignedUrl),
    fetched("output", outputUrl),
  ]);
  return { ...run, ...payload, ...output };
};

/** Binds the noun to an API. */
export const runsOf = (api: () => Api): RunsClient => {
  const retrieve = async (run: RunSource, options: RetrieveOptions = {}): Promise<Run> => {
    const target = api();
    const wire = await target.request(runSchema, "GET", runPath(3, run), callParts(options));
    const record = runWithDates(wire) as Run;
    return options.fetchesPackets === false ? record : withPackets(target, record, options.signal);
  };
  return {
    ...runDetailsOf(api),
    bulk: bulkActionsOf(api),
    retrieve: retrieve as RetrieveRun,
    list: ((...args: [string, ListRunsQuery?, RequestOptions?] | [ListRunsQuery?, RequestOptions?]) => {
      const isProject = typeof args[0] === "string";
      const [query = {}, options] = (isProject ? args.slice(1) : args) as [ListRunsQuery?, RequestOptions?];
      const path = isProject
        ? `/api/v1/projects/${encodeURIComponent(String(args[0]))}/runs`
        : "/api/v1/runs";
      const readItem = (value: unknown) => runWithDates(itemSchema.parse(value));
      return listPages(api(), path, runListQuery(query), readItem, options);
    }) as ListRuns,
    cancel: async (run, options) =>
      api().request(idSchema, "POST", runPath(2, run, "/cancel"), callParts(options)),
    replay: async (run, options = {}, requestOptions) =>
      api().request(idSchema, "POST", runPath(1, run, "/replay"), {
        ...callParts(requestOptions),
        body: await replayBody(options),
      }),
    reschedule: async (run, { delay }, options) => {
      const body = { delay: delay instanceof Date ? delay.toISOString() : delay };
      const path = runPath(1, run, "/reschedule");
      return runWithDates(
        await api().request(runSchema, "POST", path, { ...callParts(options), body }),
      ) as Run;
    },
    poll: (async (run: RunSource, { pollIntervalMs = 1_000, signal }: PollOptions = {}, options = {}) => {
      const call: RequestOptions = signal ? { ...options, signal } : options;
      for (;;) {
        const current = await retrieve(run, { ...call, fetchesPackets: false });
        if (current.isCompleted) return withPackets(api(), current, call.signal);
        await systemClock.sleep(pollIntervalMs, call.signal);
        call.signal?.throwIfAborted();
      }
    }) as PollRun,
  };
};

/** The runs of the configured environment; inside a task, of the task's own. */
export const runs: RunsClient = runsOf(ambientApi);
