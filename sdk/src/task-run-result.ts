import type { CompletedItem, CompletedWait } from "@longshore/shared/contract/agent-protocol";
import type { RunResult } from "@longshore/shared/contract/batches";
import type { TaskError } from "@longshore/shared/contract/task-error";
import { errorFromTaskError, SubtaskUnwrapError } from "./errors.ts";
import type { Api } from "./http/api.ts";
import { recordDecoder } from "./http/record-decoder.ts";
import { callParts, type RequestOptions } from "./http/request-options.ts";
import { readPacket } from "./packet-store.ts";

/** How another run ended, as the task that waited for it sees it. */
export type TaskRunResult<TId extends string, TOutput> =
  | { ok: true; id: string; taskIdentifier: TId; output: TOutput }
  | { ok: false; id: string; taskIdentifier: TId; error: unknown };

/** Await it for the result, or `.unwrap()` it for the output alone. */
export type TaskRunPromise<TId extends string, TOutput> = Promise<TaskRunResult<TId, TOutput>> & {
  /** Errors: throws SubtaskUnwrapError when the run did not succeed. */
  unwrap(): Promise<TOutput>;
};

/** The output of a run that succeeded. Errors: throws SubtaskUnwrapError for one that did not. */
export const unwrapResult = <TOutput>(result: TaskRunResult<string, TOutput>): TOutput => {
  if (result.ok) return result.output;
  throw new SubtaskUnwrapError(result.taskIdentifier, result.id, result.error);
};

const runResult = recordDecoder<RunResult>("a run's result", ["ok", "id", "taskIdentifier"]);

/** What `GET /api/v1/runs/:id/result` says, read. Cost: one request; two more for an output that was stored apart. */
export const fetchRunResult = async (
  api: Api,
  runId: string,
  options?: RequestOptions,
): Promise<TaskRunResult<string, unknown>> => {
  const path = `/api/v1/runs/${encodeURIComponent(runId)}/result`;
  const wire = await api.request(runResult, "GET", path, callParts(options));
  const base = { id: wire.id, taskIdentifier: wire.taskIdentifier };
  if (!wire.ok) return { ok: false, ...base, error: errorFromTaskError(wire.error as TaskError) };
  const output = await readPacket(api, { data: wire.output ?? null, type: wire.outputType });
  return { ok: true, ...base, output };
};

/**
 * A completed wait, or an item of one, as a result.
 * Cost: nothing; requests when the output was too large to come with the answer.
 */
export const resultOfWait = async (
  api: Api,
  run: { id: string; taskIdentifier: string },
  ended: Pick<CompletedWait | CompletedItem, "ok" | "output" | "outputType" | "error" | "isOmitted">,
): Promise<TaskRunResult<string, unknown>> => {
  if (ended.ok && ended.isOmitted) return fetchRunResult(api, run.id);
  if (ended.ok) {
    const output = await readPacket(api, { data: ended.output ?? null, type: ended.outputType ?? null });
    return { ok: true, ...run, output };
  }
  const error = ended.error ? errorFromTaskError(ended.error) : new Error(`run ${run.id} did not succeed`);
  return { ok: false, ...run, error };
};
