import type {
  RunTrace,
  RunTracePage,
  RunTraceQuery,
  SpanDetail,
  SpanEvent,
  TraceSpan,
} from "@longshore/shared/contract/traces";
import { AppError } from "@longshore/shared/core/error-codes";
import { type RecordRows, readRecords, readTrace, type TraceRows } from "../db/queries/read-trace.ts";
import { buildTrace, byStart, type Span } from "../domain/build-trace.ts";
import { traceIdOf } from "../domain/span-id.ts";
import { wireStatus } from "../domain/wire-status.ts";
import type { Principal } from "./authenticate.ts";
import type { Deps } from "./deps.ts";
import { getReadableRun } from "./read-run.ts";
import { plainPacket, serialiseError } from "./serialise-run.ts";
import { wireDate } from "./wire-date.ts";

/** Most moves and lines that a tree and a span carry; `/logs` has all of them. */
const recordsMax = 2_000;
const nanosecondsPerMs = 1_000_000;

type Trace = { traceId: string; spans: Span[]; rows: TraceRows; output: { value: unknown } | null };

const load = async (deps: Deps, principal: Principal, runId: string): Promise<Trace> => {
  const { run } = await getReadableRun(deps, principal, runId);
  const rows = await readTrace(deps.db, principal.environmentId, runId);
  return {
    traceId: traceIdOf(run.rootRunId ?? run.id),
    spans: buildTrace({ ...rows, rootRunId: runId }),
    rows,
    output: run.state === "completed" ? plainPacket(run.output, run.outputType) : null,
  };
};

const iso = (ms: number): string => new Date(ms).toISOString();
const durationMsOf = (span: Span, nowMs: number): number => Math.max(0, (span.endMs ?? nowMs) - span.startMs);
const outcomeOf = (span: Span) => ({
  isError: span.isError,
  isPartial: span.endMs === null,
  isCancelled: span.isCancelled,
  level: "TRACE",
});

const movesOf = (span: Span, records: RecordRows): SpanEvent[] =>
  records.moves
    .filter(({ runId }) => runId === span.runId)
    .map(({ kind, at, from, to, message }) => ({
      name: kind,
      time: wireDate(at),
      properties: { from, to, ...(message === null ? {} : { message }) },
    }));

const linesOf = (span: Span, records: RecordRows): SpanEvent[] =>
  records.lines
    .filter(({ runId, attempt }) => runId === span.runId && attempt === span.attemptNumber)
    .map(({ at, level, stream, message, attributes }) => ({
      name: "log",
      time: wireDate(at),
      properties: { level, stream, message, ...(attributes === null ? {} : { attributes }) },
    }));

const failureOf = (span: Span, rows: TraceRows): SpanEvent[] => {
  const attempt = rows.attempts.find((row) => row.runId === span.runId && row.number === span.attemptNumber);
  const error = serialiseError(attempt?.error);
  if (error === null || attempt === undefined || attempt.finishedAt === null) return [];
  const exception = {
    message: error.message,
    ...(error.name === undefined ? {} : { type: error.name }),
    ...(error.stackTrace === undefined ? {} : { stacktrace: error.stackTrace }),
  };
  return [{ name: "exception", time: wireDate(attempt.finishedAt), properties: { exception } }];
};

const eventsOf = (span: Span, rows: TraceRows, records: RecordRows): SpanEvent[] => {
  if (span.kind === "run") return movesOf(span, records);
  return span.kind === "attempt" ? [...linesOf(span, records), ...failureOf(span, rows)] : [];
};

const toTree = (trace: Trace, records: RecordRows): TraceSpan => {
  const { rows, spans, output } = trace;
  const nodes = new Map<string, TraceSpan>();
  for (const span of spans) {
    const run = rows.runs.find(({ id }) => id === span.runId);
    const events = eventsOf(span, rows, records);
    nodes.set(span.id, {
      id: span.id,
      ...(span.parentId === null ? {} : { parentId: span.parentId }),
      runId: span.runId,
      data: {
        message: span.message,
        ...(run === undefined ? {} : { taskSlug: run.taskSlug, machinePreset: run.machine }),
        ...(typeof run?.filePath === "string" ? { taskPath: run.filePath } : {}),
        ...(typeof run?.version === "string" ? { workerVersion: run.version } : {}),
        ...(typeof run?.queueName === "string" ? { queueName: run.queueName } : {}),
        ...(events.length === 0 ? {} : { events }),
        startTime: iso(span.startMs),
        duration: durationMsOf(span, rows.nowMs) * nanosecondsPerMs,
        ...outcomeOf(span),
        ...(span.parentId === null && output !== null ? { output: output.value } : {}),
      },
      children: [],
    });
  }
  let root: TraceSpan | undefined;
  for (const node of nodes.values()) {
    const parent = node.parentId === undefined ? undefined : nodes.get(node.parentId);
    if (parent !== undefined) parent.children.push(node);
    else root ??= node;
  }
  if (root === undefined) throw new Error("a trace has no root");
  return root;
};

const toPage = ({ spans, rows }: Trace, query: RunTraceQuery): RunTracePage => {
  const size = query["page[size]"] ?? 1_000;
  const [startMs, id = ""] = query["page[after]"]?.split(".") ?? [];
  const after = startMs === undefined ? null : { startMs: Number(startMs), id };
  const left = after === null ? spans : spans.filter((span) => byStart(span, after) > 0);
  const page = left.slice(0, size);
  const last = page.at(-1);
  return {
    data: page.map((span) => ({
      id: span.id,
      ...(span.parentId === null ? {} : { parentId: span.parentId }),
      runId: span.runId,
      message: span.message,
      startTime: iso(span.startMs),
      duration: durationMsOf(span, rows.nowMs) * nanosecondsPerMs,
      ...outcomeOf(span),
      ...(span.attemptNumber === null ? {} : { attemptNumber: span.attemptNumber }),
    })),
    attemptFailures: page.flatMap((span) =>
      span.kind === "attempt" && span.isError && span.attemptNumber !== null
        ? [{ spanId: span.id, attemptNumber: span.attemptNumber, runId: span.runId }]
        : [],
    ),
    pagination: {
      ...(left.length > size && last !== undefined ? { next: `${last.startMs}.${last.id}` } : {}),
      ...(rows.isTruncated ? { truncated: true } : {}),
    },
  };
};

/**
 * `GET /api/v1/runs/:id/trace`: a tree, or with a page's size or place flat spans.
 * Errors: as for the run itself. Cost: four round trips, one fewer for a page.
 */
export const readRunTrace = async (
  deps: Deps,
  principal: Principal,
  runId: string,
  query: RunTraceQuery,
): Promise<RunTrace | RunTracePage> => {
  const trace = await load(deps, principal, runId);
  if (query["page[size]"] !== undefined || query["page[after]"] !== undefined) return toPage(trace, query);
  const records = await readRecords(
    deps.db,
    trace.rows.runs.map(({ id }) => id),
    recordsMax,
  );
  return { trace: { traceId: trace.traceId, rootSpan: toTree(trace, records) } };
};

/** `GET /api/v1/runs/:id/spans/:spanId`. Errors: as for the run itself, and `not_found` for a span that it has not. */
export const readSpan = async (
  deps: Deps,
  principal: Principal,
  runId: string,
  spanId: string,
): Promise<SpanDetail> => {
  const { spans, rows } = await load(deps, principal, runId);
  const span = spans.find(({ id }) => id === spanId);
  if (span === undefined) throw new AppError("not_found", "Span not found", { shouldRetry: false });
  const records = await readRecords(deps.db, [span.runId], recordsMax);
  const triggered = spans.filter(({ kind, parentId }) => kind === "run" && parentId === spanId);
  const triggeredRuns = rows.runs
    .filter(({ id }) => triggered.some((child) => child.runId === id))
    .map((run) => ({
      runId: run.id,
      taskIdentifier: run.taskSlug,
      status: wireStatus(run),
      createdAt: wireDate(run.createdAt),
    }));
  return {
    spanId: span.id,
    parentId: span.parentId,
    runId: span.runId,
    message: span.message,
    ...outcomeOf(span),
    startTime: iso(span.startMs),
    durationMs: durationMsOf(span, rows.nowMs),
    events: eventsOf(span, rows, records),
    entityType: span.kind,
    ...(triggeredRuns.length === 0 ? {} : { triggeredRuns }),
  };
};
