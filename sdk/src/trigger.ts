import type { CompletedWait } from "@longshore/shared/contract/agent-protocol";
import { ambientApi } from "./configure.ts";
import { errorFromTaskError, SubtaskUnwrapError } from "./errors.ts";
import { currentHost, type TaskHost } from "./host.ts";
import type { Api } from "./http/api.ts";
import { parsePacket } from "./packets.ts";
import { type TriggerAndWaitOptions, type TriggerOptions, triggerBody } from "./trigger-options.ts";

declare const brand: unique symbol;

/** A run that was triggered, typed by its task. */
export type RunHandle<TId extends string, TInput, TOutput> = {
  id: string;
  taskIdentifier: TId;
  /** The run existed already: an idempotency key matched. */
  isCached: boolean;
  /** A token that may read this run, for a browser; empty when the server sent none. */
  publicAccessToken: string;
  readonly [brand]?: { input: TInput; output: TOutput };
};

/** How another run ended, as the task that waited for it sees it. */
export type TaskRunResult<TId extends string, TOutput> =
  | { ok: true; id: string; taskIdentifier: TId; output: TOutput }
  | { ok: false; id: string; taskIdentifier: TId; error: unknown };

/** Await it for the result, or `.unwrap()` it for the output alone. */
export type TaskRunPromise<TId extends string, TOutput> = Promise<TaskRunResult<TId, TOutput>> & {
  /** Errors: throws SubtaskUnwrapError when the run did not succeed. */
  unwrap(): Promise<TOutput>;
};

type ParsePayload = (payload: unknown) => Promise<unknown>;

const triggerPath = (taskId: string): string => `/api/v1/tasks/${encodeURIComponent(taskId)}/trigger`;

/** Hand-written, so that a trigger does not pay for loading the schemas. */
const triggerAnswer = {
  parse: (value: unknown): { id: string; isCached: boolean } => {
    const answer = value as { id?: unknown; isCached?: unknown } | undefined;
    if (typeof answer?.id !== "string") throw new TypeError("a trigger's answer must have an `id`");
    return { id: answer.id, isCached: answer.isCached === true };
  },
};

const parentOf = (host: TaskHost | undefined) => (host ? { parentRunId: host.context.run.id } : {});

/** Which run a trigger belongs to, for calls that go to the API of the running task; nothing outside a task. */
export const currentParent = (): { parentRunId?: string } => parentOf(currentHost());

/** Triggers a run of the task with this id. Cost: one request. */
export const triggerTask = async <TId extends string, TInput, TOutput>(
  api: Api,
  taskId: TId,
  payload: TInput,
  options?: TriggerOptions,
  parent: { parentRunId?: string } = {},
): Promise<RunHandle<TId, TInput, TOutput>> => {
  const body = await triggerBody(payload, options, parent);
  let publicAccessToken = "";
  const answer = await api.request(triggerAnswer, "POST", triggerPath(taskId), {
    body,
    onResponse: (response) => {
      publicAccessToken = response.headers.get("x-trigger-jwt") ?? "";
    },
  });
  return { ...answer, taskIdentifier: taskId, publicAccessToken };
};

const resultOf = async <TId extends string, TOutput>(
  taskId: TId,
  runId: string,
  wait: CompletedWait | undefined,
): Promise<TaskRunResult<TId, TOutput>> => {
  if (!wait) throw new Error(`the wait for run ${runId} ended without its result`);
  const base = { id: runId, taskIdentifier: taskId };
  if (wait.ok) {
    const output = await parsePacket({ data: wait.output ?? null, type: wait.outputType ?? null });
    return { ok: true, ...base, output: output as TOutput };
  }
  const error = wait.error ? errorFromTaskError(wait.error) : new Error(`run ${runId} did not succeed`);
  return { ok: false, ...base, error };
};

const waitForChild = async <TId extends string, TOutput>(
  taskId: TId,
  payload: unknown,
  options: TriggerAndWaitOptions | undefined,
  parsePayload: ParsePayload,
): Promise<TaskRunResult<TId, TOutput>> => {
  const host = currentHost();
  if (!host) throw new Error("triggerAndWait can only be used from inside a task.run()");
  const version = host.context.deployment?.version ?? host.context.run.version;
  const body = await triggerBody(await parsePayload(payload), options, {
    ...parentOf(host),
    resumeParentOnCompletion: true,
    lockToVersion: version,
  });
  const child = await ambientApi().request(triggerAnswer, "POST", triggerPath(taskId), { body });
  const [wait] = await host.wait([{ kind: "run", runId: child.id }]);
  return resultOf(taskId, child.id, wait);
};

/**
 * Triggers a run and waits for its end without holding a slot. Only inside a task.
 *
 * Cost: one request, and the wait. Errors: rejects outside a task, when the trigger is refused, or when this run is
 * cancelled; the other run's failure is a result, not a rejection.
 */
export const triggerTaskAndWait = <TId extends string, TOutput>(
  taskId: TId,
  payload: unknown,
  options?: TriggerAndWaitOptions,
  parsePayload: ParsePayload = async (unchecked) => unchecked,
): TaskRunPromise<TId, TOutput> => {
  const result = waitForChild<TId, TOutput>(taskId, payload, options, parsePayload);
  return Object.assign(result, {
    unwrap: async () => {
      const ended = await result;
      if (ended.ok) return ended.output;
      throw new SubtaskUnwrapError(taskId, ended.id, ended.error);
    },
  });
};
