import type { RunExplanation, RunLogs, RunTimeline } from "@longshore/shared/contract/runs";
import type { RunTrace } from "@longshore/shared/contract/traces";
import type { Api } from "./http/api.ts";
import { NotFoundError } from "./http/api-error.ts";
import { recordDecoder } from "./http/record-decoder.ts";
import { callParts, type RequestOptions } from "./http/request-options.ts";
import { type RunSource, runPath } from "./run-types.ts";
import { fetchRunResult, type TaskRunResult } from "./task-run-result.ts";

/** What is known of a run beside its record. */
export type RunDetails = {
  /** What happened to the run: events, attempts and waits, oldest first. */
  timeline(run: RunSource, requestOptions?: RequestOptions): Promise<RunTimeline>;
  /** Its log, oldest first; pass `next` as `after` to go on. */
  logs(
    run: RunSource,
    query?: { after?: string; limit?: number },
    requestOptions?: RequestOptions,
  ): Promise<RunLogs>;
  /** Why the run is where it is. */
  explain(run: RunSource, requestOptions?: RequestOptions): Promise<RunExplanation>;
  /** Its attempts, waits and children as a tree of spans. Units: durations in nanoseconds. */
  trace(run: RunSource, requestOptions?: RequestOptions): Promise<RunTrace["trace"]>;
  /** How it ended, as `triggerAndWait` would say it; undefined while it is not over. */
  result(
    run: RunSource,
    requestOptions?: RequestOptions,
  ): Promise<TaskRunResult<string, unknown> | undefined>;
};

const timelineSchema = recordDecoder<RunTimeline>("a timeline", ["events", "attempts", "waits"]);
const logsSchema = recordDecoder<RunLogs>("a log", ["lines", "next"]);
const explanationSchema = recordDecoder<RunExplanation>("an explanation", ["runId"]);
const traceSchema = recordDecoder<RunTrace>("a trace", ["trace"]);

/** Binds them to an API. */
export const runDetailsOf = (api: () => Api): RunDetails => ({
  timeline: async (run, options) =>
    api().request(timelineSchema, "GET", runPath(1, run, "/events"), callParts(options)),
  logs: async (run, query = {}, options) =>
    api().request(logsSchema, "GET", runPath(1, run, "/logs"), { ...callParts(options), query }),
  explain: async (run, options) =>
    api().request(explanationSchema, "GET", runPath(1, run, "/explain"), callParts(options)),
  trace: async (run, options) =>
    (await api().request(traceSchema, "GET", runPath(1, run, "/trace"), callParts(options))).trace,
  result: async (run, options) => {
    try {
      return await fetchRunResult(api(), typeof run === "string" ? run : run.id, options);
    } catch (error) {
      if (error instanceof NotFoundError) return undefined;
      throw error;
    }
  },
});
