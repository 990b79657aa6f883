import {
  BatchItemLine,
  type BatchItemsResponse,
  batchLineBytesMax,
} from "@longshore/shared/contract/batches";
import { AppError } from "@longshore/shared/core/error-codes";
import { type BatchProgress, readBatchProgress } from "../db/queries/read-batches.ts";
import { isGranted } from "../domain/scopes.ts";
import { type Principal, requireScope } from "./authenticate.ts";
import { type Line, readItemEnds, readLines } from "./batch-lines.ts";
import type { Deps } from "./deps.ts";
import { type BatchItem, fillBatch, settleLater } from "./fill-batch.ts";

/** Items that are handed on together: as many as one statement takes, or as many bytes as may wait in memory. */
const groupItemsMax = 200;
const groupBytesMax = 1024 * 1024;
/** Groups on their way at once: one is linked while the next is triggered. */
const flightsMax = 2;

/**
 * `POST /api/v3/batches/:id/items`: items are triggered while the rest of the stream is still on its way.
 *
 * Errors: `not_found`; `unsupported_media_type`; `bad_request` names the line, and what came before it stays;
 * `unprocessable` for a batch that was given up. Source: the client wire contract, 4.2.
 */
export const addBatchItems = async (
  deps: Deps,
  principal: Principal,
  batchId: string,
  request: { contentType: string; body: ReadableStream<Uint8Array> | null },
): Promise<BatchItemsResponse> => {
  const mayAll = requireItemScope(principal, batchId);
  const batch = await getOpenBatch(deps, principal, batchId);
  if (!/^application\/(x-)?ndjson\b/i.test(request.contentType)) {
    throw new AppError(
      "unsupported_media_type",
      `Items are sent as content-type: application/x-ndjson, not "${request.contentType}".`,
    );
  }
  const seen = new Set(batch.indexes);
  const flights = openFlights(deps, { id: batchId, environmentId: principal.environmentId, ...batch });
  let repeated = 0;
  try {
    for await (const line of readLines(request.body ?? emptyStream(), batchLineBytesMax)) {
      const item = toItem(line, batch.runCount);
      if (!mayAll) requireScope(principal, "batchTrigger", [{ type: "tasks", id: item.task }]);
      if (seen.has(item.index)) repeated++;
      else await flights.add(item, "bytes" in line ? line.bytes : 0);
      seen.add(item.index);
    }
  } finally {
    await flights.end();
  }
  return answerOf(batchId, await flights.outcome(), repeated, batch);
};

const requireItemScope = (principal: Principal, batchId: string): boolean => {
  const whole = [{ type: "tasks" }, { type: "batch", id: batchId }];
  if (isGranted(principal.scopes, "batchTrigger", whole)) return true;
  const mayNone = !principal.scopes?.some((scope) => scope.startsWith("batchTrigger:tasks:"));
  if (mayNone) requireScope(principal, "batchTrigger", whole);
  return false;
};

const getOpenBatch = async (deps: Deps, principal: Principal, batchId: string): Promise<BatchProgress> => {
  const batch = await readBatchProgress(deps.db, principal.environmentId, batchId);
  if (batch === null) throw new AppError("not_found", "Batch not found", { shouldRetry: false });
  if (batch.status === "ABORTED") throw givenUp(batchId);
  return batch;
};

const givenUp = (batchId: string): AppError =>
  new AppError("unprocessable", `Batch ${batchId} was given up: its items did not all arrive in time.`);

const emptyStream = (): ReadableStream<Uint8Array> => new ReadableStream({ start: (c) => c.close() });

const badLine = (line: Line, what: string, cause?: unknown): AppError =>
  new AppError("bad_request", `Line ${line.number} ${what}`, { cause });

const toItem = (line: Line, runCount: number): BatchItem => {
  const item = "head" in line ? tooLongItem(line) : parseItem(line);
  if (item.index >= runCount)
    throw badLine(line, `has the index ${item.index}; the batch was made for ${runCount} items, from 0.`);
  return item;
};

const tooLongItem = (line: Extract<Line, { head: string }>): BatchItem => {
  const { index, task } = readItemEnds(line);
  if (index === null || task === null)
    throw badLine(
      line,
      `is over the limit of ${batchLineBytesMax} bytes and does not name its index and task near its beginning or end.`,
    );
  const message = `The item is over the limit of ${batchLineBytesMax} bytes for one line.`;
  return { index, task, fault: { code: "PAYLOAD_TOO_LARGE", message } };
};

const parseItem = (line: Extract<Line, { text: string }>): BatchItem => {
  let value: unknown;
  try {
    value = JSON.parse(line.text);
  } catch (cause) {
    throw badLine(line, "is not valid JSON.", cause);
  }
  const parsed = BatchItemLine.safeParse(value);
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.map(({ path, message }) =>
    `${path.map(String).join(".")} ${message}`.trim(),
  );
  throw badLine(line, `is no item: ${issues.join("; ")}`);
};

type Outcome = { accepted: number; status: string | null; itemCount: number };

/** Groups of items on their way to the database. The reader waits when there are enough of them. */
const openFlights = (deps: Deps, batch: Parameters<typeof fillBatch>[1]) => {
  let group: BatchItem[] = [];
  let bytes = 0;
  let accepted = 0;
  let last: Outcome = { accepted: 0, status: null, itemCount: -1 };
  const flying = new Set<Promise<void>>();
  const faults: unknown[] = [];

  const fly = async (items: BatchItem[]): Promise<void> => {
    const { link } = await fillBatch(deps, batch, items);
    accepted += link.linked;
    if (link.itemCount >= last.itemCount) last = { ...last, status: link.status, itemCount: link.itemCount };
  };
  const start = (): void => {
    const flight = fly(group)
      .catch((error: unknown) => void faults.push(error))
      .finally(() => flying.delete(flight));
    flying.add(flight);
    group = [];
    bytes = 0;
  };
  const rethrow = (): void => {
    if (faults.length > 0) throw faults[0];
  };
  return {
    async add(item: BatchItem, size: number): Promise<void> {
      group.push(item);
      bytes += size;
      if (group.length < groupItemsMax && bytes < groupBytesMax) return;
      while (flying.size >= flightsMax) await Promise.race(flying);
      rethrow();
      start();
    },
    /** Brings home what is on its way, and what was not yet sent. */
    async end(): Promise<void> {
      if (group.length > 0 && faults.length === 0) start();
      await Promise.all(flying);
      if (accepted > 0) settleLater(deps, batch.id);
    },
    async outcome(): Promise<Outcome> {
      rethrow();
      return { ...last, accepted };
    },
  };
};

const answerOf = (
  id: string,
  outcome: Outcome,
  repeated: number,
  batch: BatchProgress,
): BatchItemsResponse => {
  const status = outcome.status ?? batch.status;
  if (status === "ABORTED") throw givenUp(id);
  const itemCount = Math.max(outcome.itemCount, batch.itemCount);
  const sealed = status !== "PENDING";
  return {
    id,
    itemsAccepted: outcome.accepted,
    itemsDeduplicated: repeated,
    sealed,
    ...(sealed ? {} : { enqueuedCount: itemCount, expectedCount: batch.runCount }),
  };
};
