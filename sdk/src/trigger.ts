import { createPublicToken } from "./create-public-token.ts";
import { currentHost } from "./host.ts";
import type { Api } from "./http/api.ts";
import { callParts, type RequestOptions } from "./http/request-options.ts";
import type { ParsePayload } from "./parse-payload.ts";
import { resultOfWait, type TaskRunPromise, type TaskRunResult, unwrapResult } from "./task-run-result.ts";
import { type TriggerAndWaitOptions, type TriggerOptions, triggerBody } from "./trigger-options.ts";
import { parentOf, requireHost, type TriggerRequestOptions, type TriggerScope } from "./trigger-scope.ts";

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

const triggerPath = (taskId: string): string => `/api/v1/tasks/${encodeURIComponent(taskId)}/trigger`;

/** Hand-written, so that a trigger does not pay for loading the schemas. */
const triggerAnswer = {
  parse: (value: unknown): { id: string; isCached: boolean } => {
    const answer = value as { id?: unknown; isCached?: unknown } | undefined;
    if (typeof answer?.id !== "string") throw new TypeError("a trigger's answer must have an `id`");
    return { id: answer.id, isCached: answer.isCached === true };
  },
};

/** Errors: throws before anything is sent when a token of the caller's own is asked for where none can be made. */
export const checkTokenWish = (options: TriggerRequestOptions | undefined): void => {
  if (options?.publicAccessToken?.expirationTime === undefined) return;
  if (currentHost() && options.clientConfig === undefined) {
    throw new TypeError(
      "publicAccessToken.expirationTime cannot be used inside a task: a run may make no tokens of its own",
    );
  }
};

/** The handle's token: the one that came with the answer, or one that lives as long as the caller wants. */
export const tokenOfHandle = async (
  api: Api,
  sent: string,
  scope: string,
  options: TriggerRequestOptions | undefined,
): Promise<string> => {
  const expirationTime = options?.publicAccessToken?.expirationTime;
  return expirationTime === undefined ? sent : createPublicToken(api, { scopes: [scope], expirationTime });
};

/** Triggers a run of the task with this id. Cost: one request; two more for a large payload. */
export const triggerTask = async <TId extends string, TInput, TOutput>(
  scope: TriggerScope,
  taskId: TId,
  payload: TInput,
  options?: TriggerOptions,
  requestOptions?: TriggerRequestOptions,
): Promise<RunHandle<TId, TInput, TOutput>> => {
  checkTokenWish(requestOptions);
  const target = requestOptions?.clientConfig;
  const api = scope.api(target);
  const { version, externalDeploymentId } = scope.pin(target);
  const body = await triggerBody(api, payload, options, {
    ...scope.parent(target),
    lockToVersion: version,
    externalDeploymentId,
  });
  let sent = "";
  const answer = await api.request(triggerAnswer, "POST", triggerPath(taskId), {
    ...callParts(requestOptions),
    body,
    onResponse: (response) => {
      sent = response.headers.get("x-trigger-jwt") ?? "";
    },
  });
  const publicAccessToken = await tokenOfHandle(api, sent, `read:runs:${answer.id}`, requestOptions);
  return { ...answer, taskIdentifier: taskId, publicAccessToken };
};

const waitForChild = async <TId extends string, TOutput>(
  scope: TriggerScope,
  taskId: TId,
  payload: unknown,
  options: TriggerAndWaitOptions | undefined,
  requestOptions: RequestOptions | undefined,
  parsePayload: ParsePayload,
): Promise<TaskRunResult<TId, TOutput>> => {
  const host = requireHost("triggerAndWait");
  const api = scope.api();
  const body = await triggerBody(api, await parsePayload(payload), options, {
    ...parentOf(host),
    resumeParentOnCompletion: true,
    lockToVersion: host.context.deployment?.version ?? host.context.run.version,
  });
  const child = await api.request(triggerAnswer, "POST", triggerPath(taskId), {
    ...callParts(requestOptions),
    body,
  });
  const [wait] = await host.wait([{ kind: "run", runId: child.id }]);
  if (!wait) throw new Error(`the wait for run ${child.id} ended without its result`);
  const result = await resultOfWait(api, { id: child.id, taskIdentifier: taskId }, wait);
  return result as TaskRunResult<TId, TOutput>;
};

const asItIs: ParsePayload = async (payload) => payload;

/**
 * Triggers a run and waits for its end without holding a slot. Only inside a task.
 *
 * Cost: one request, and the wait. Errors: rejects outside a task, when the trigger is refused, or when this run is
 * cancelled; the other run's failure is a result, not a rejection.
 */
export const triggerTaskAndWait = <TId extends string, TOutput>(
  scope: TriggerScope,
  taskId: TId,
  payload: unknown,
  options?: TriggerAndWaitOptions,
  requestOptions?: RequestOptions,
  parsePayload: ParsePayload = asItIs,
): TaskRunPromise<TId, TOutput> => {
  const result = waitForChild<TId, TOutput>(scope, taskId, payload, options, requestOptions, parsePayload);
  return Object.assign(result, { unwrap: async () => unwrapResult(await result) });
};
