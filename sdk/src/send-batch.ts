import { retryDelayMs } from "@longshore/shared/core/back-off";
import { systemClock } from "@longshore/shared/core/clock";
import { BatchTriggerError, type BatchTriggerPhase } from "./batch-trigger-error.ts";
import type { BatchTriggerOptions, ItemSource } from "./batch-types.ts";
import type { Api } from "./http/api.ts";
import { recordDecoder } from "./http/record-decoder.ts";
import { callParts, type RequestOptions } from "./http/request-options.ts";
import { defaultRequestRetry, type RequestRetry } from "./http/retry-rules.ts";
import { resolveIdempotencyKey, sha256Hex } from "./idempotency-keys.ts";
import type { ParsePayload } from "./parse-payload.ts";
import { type TriggerOptions, triggerBody, type WireOptions } from "./trigger-options.ts";

/** Source: the client wire contract, 4.2. */
const itemsMax = 1_000;
/** Items whose payloads are on their way to the store at once. */
const offloadsMax = 10;
/** Lines of one request: a part that fails is sent again alone, and fits what a task may send. Units: characters. */
const partCharsMax = 2 * 1024 * 1024;
/** How the items are sent again. Units: milliseconds. Source: the client wire contract, 4.2. */
const itemRetry: RequestRetry = {
  ...defaultRequestRetry,
  factor: 2,
  minTimeoutInMs: 1_000,
  maxTimeoutInMs: 30_000,
  randomize: true,
};

/** One item, whatever form it was given in. */
export type PlainItem = {
  task: string;
  payload: unknown;
  options: TriggerOptions | undefined;
  parsePayload?: ParsePayload | undefined;
};

/** A batch as it was asked for. */
export type BatchRequest<T> = {
  source: ItemSource<T>;
  toItem(item: T): PlainItem;
  options: BatchTriggerOptions | undefined;
  requestOptions: RequestOptions | undefined;
  /** What belongs to the batch: whose it is, and who waits for it. */
  extra: { parentRunId?: string | undefined; resumeParentOnCompletion?: true };
  /** What belongs to each item. */
  itemExtra: WireOptions;
};

/** A batch as the server has it. `items`: what was sent, in order. */
export type SentBatch = {
  id: string;
  isCached: boolean;
  idempotencyKey?: string;
  publicAccessToken: string;
  items: PlainItem[];
};

type Created = { id: string; isCached: boolean };
const createAnswer = recordDecoder<Created>("a batch's answer", ["id", "isCached"]);
const itemsAnswer = recordDecoder<{ sealed: boolean; enqueuedCount?: number }>("the items' answer", [
  "sealed",
]);

const streamOf = <T>(source: ItemSource<T>): Iterable<T> | AsyncIterable<T> => {
  // Browsers came to iterate streams late.
  if ("getReader" in source && !(Symbol.asyncIterator in source)) return readStream(source);
  return source as Iterable<T> | AsyncIterable<T>;
};

async function* readStream<T>(stream: ReadableStream<T>): AsyncGenerator<T> {
  const reader = stream.getReader();
  try {
    for (let step = await reader.read(); !step.done; step = await reader.read()) yield step.value;
  } finally {
    reader.releaseLock();
  }
}

/** Errors: throws for a batch without items, and as soon as there are too many. */
const collect = async <T>(request: BatchRequest<T>): Promise<PlainItem[]> => {
  const items: PlainItem[] = [];
  for await (const item of streamOf(request.source)) {
    if (items.length === itemsMax) throw new TypeError(`a batch has at most ${itemsMax} items: split it`);
    items.push(request.toItem(item));
  }
  if (items.length === 0) throw new TypeError("a batch needs at least one item");
  return items;
};

const check = async (item: PlainItem): Promise<PlainItem> =>
  item.parsePayload ? { ...item, payload: await item.parsePayload(item.payload) } : item;

type BatchKey = { key: string; origin?: unknown; ttl: string | undefined };

const keyOf = async (options: BatchTriggerOptions = {}): Promise<BatchKey | undefined> =>
  options.idempotencyKey === undefined
    ? undefined
    : { ...(await resolveIdempotencyKey(options.idempotencyKey)), ttl: options.idempotencyKeyTTL };

const toLine = async (
  api: Api,
  item: PlainItem,
  index: number,
  key: BatchKey | undefined,
  extra: WireOptions,
): Promise<string> => {
  const ofBatch =
    key && item.options?.idempotencyKey === undefined
      ? { idempotencyKey: await sha256Hex(`${key.key}-${index}`), idempotencyKeyTTL: key.ttl }
      : {};
  const body = await triggerBody(api, item.payload, item.options, extra);
  return JSON.stringify({
    index,
    task: item.task,
    payload: body.payload,
    options: { ...ofBatch, ...body.options },
  });
};

/** Maps in order, a few at a time. */
const mapSome = async <T, R>(
  items: readonly T[],
  work: (item: T, index: number) => Promise<R>,
): Promise<R[]> => {
  const results: R[] = new Array(items.length);
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let index = next++; index < items.length; index = next++) {
      results[index] = await work(items[index] as T, index);
    }
  };
  await Promise.all(Array.from({ length: Math.min(offloadsMax, items.length) }, worker));
  return results;
};

const partsOf = (lines: readonly string[]): string[] => {
  const parts: string[] = [];
  let part = "";
  for (const line of lines) {
    if (part !== "" && part.length + line.length >= partCharsMax) {
      parts.push(part);
      part = "";
    }
    part += `${line}\n`;
  }
  return part === "" ? parts : [...parts, part];
};

/**
 * Sends every part until the server says that the batch is whole. It drops what it has already, so that a part, or all
 * of them, may be sent again. Errors: throws when items are missing after the last pass.
 */
const sendItems = async (
  api: Api,
  batchId: string,
  lines: readonly string[],
  options: RequestOptions | undefined,
): Promise<void> => {
  const retry = { ...itemRetry, ...options?.retry };
  const parts = partsOf(lines);
  const { headers, ...rest } = callParts(options);
  for (let pass = 1; ; pass++) {
    let answer = { sealed: false, enqueuedCount: 0 };
    for (const text of parts) {
      const said = await api.request(
        itemsAnswer,
        "POST",
        `/api/v3/batches/${encodeURIComponent(batchId)}/items`,
        {
          ...rest,
          retry,
          text,
          headers: { ...headers, "content-type": "application/x-ndjson" },
        },
      );
      answer = { enqueuedCount: 0, ...said };
    }
    if (answer.sealed) return;
    const delayMs = retryDelayMs(retry, pass, Math.random);
    if (delayMs === null) {
      throw new Error(`the server has ${answer.enqueuedCount} of ${lines.length} items after ${pass} passes`);
    }
    await systemClock.sleep(delayMs, options?.signal);
  }
};

const create = async (
  api: Api,
  items: readonly PlainItem[],
  key: BatchKey | undefined,
  request: BatchRequest<never>,
): Promise<Created & { publicAccessToken: string }> => {
  let publicAccessToken = "";
  const created = await api.request(createAnswer, "POST", "/api/v3/batches", {
    ...callParts(request.requestOptions),
    body: {
      ...request.extra,
      runCount: items.length,
      taskIdentifiers: [...new Set(items.map(({ task }) => task))],
      ...(key ? { idempotencyKey: key.key, idempotencyKeyOptions: key.origin } : {}),
    },
    onResponse: (response) => {
      publicAccessToken = response.headers.get("x-trigger-jwt") ?? "";
    },
  });
  return { ...created, publicAccessToken };
};

/**
 * Triggers a batch: its payloads are prepared, the batch is made, its items are sent. A batch that an idempotency key
 * names and that is whole already is sent no items.
 *
 * Cost: two requests, one more for every two million characters, two for each large payload.
 * Errors: TypeError for too many items or none; BatchTriggerError says which step failed. What a payload's own check
 * throws comes through as it is.
 */
export const sendBatch = async <T>(api: Api, request: BatchRequest<T>): Promise<SentBatch> => {
  const items = await mapSome(await collect(request), check);
  const itemCount = items.length;
  let batchId: string | undefined;
  const during = async <R>(phase: BatchTriggerPhase, work: Promise<R>): Promise<R> => {
    try {
      return await work;
    } catch (cause) {
      if (request.requestOptions?.signal?.aborted) throw cause;
      throw new BatchTriggerError({ phase, itemCount, batchId, cause });
    }
  };
  const key = await keyOf(request.options);
  const lines = await during(
    "offload",
    mapSome(items, (item, index) => toLine(api, item, index, key, request.itemExtra)),
  );
  const created = await during("create", create(api, items, key, request as BatchRequest<never>));
  batchId = created.id;
  if (!created.isCached) await during("stream", sendItems(api, batchId, lines, request.requestOptions));
  const { id, isCached, publicAccessToken } = created;
  return { id, isCached, ...(key ? { idempotencyKey: key.key } : {}), publicAccessToken, items };
};
