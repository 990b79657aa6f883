import { z } from "zod";

const WireDate = z.iso.datetime();

/** What the three forms of a span share. Units: durations in nanoseconds. Source: the client wire contract, 4.3. */
const outcome = { isError: z.boolean(), isPartial: z.boolean(), isCancelled: z.boolean(), level: z.string() };

/** Something that happened at one moment: a state move, a line of the log, an error. */
const SpanEvent = z.object({
  name: z.string(),
  time: WireDate,
  properties: z.record(z.string(), z.unknown()),
});
export type SpanEvent = z.infer<typeof SpanEvent>;

const spanFields = {
  id: z.string(),
  parentId: z.string().optional(),
  runId: z.string(),
  data: z.object({
    message: z.string(),
    taskSlug: z.string().optional(),
    taskPath: z.string().optional(),
    events: z.array(SpanEvent).optional(),
    startTime: WireDate,
    duration: z.number(),
    ...outcome,
    workerVersion: z.string().optional(),
    queueName: z.string().optional(),
    machinePreset: z.string().optional(),
    properties: z.record(z.string(), z.unknown()).optional(),
    output: z.unknown().optional(),
  }),
};

const SpanBase = z.object(spanFields);
export type TraceSpan = z.infer<typeof SpanBase> & { children: TraceSpan[] };

/** A span of the tree. The document of the API has no word for "the same again", so children are only objects here. */
const TraceSpan = SpanBase.extend({
  children: z.array(z.custom<TraceSpan>((value) => typeof value === "object" && value !== null)),
});

/** A run's trace as a tree. */
export const RunTrace = z.object({ trace: z.object({ traceId: z.string(), rootSpan: TraceSpan }) });
export type RunTrace = z.infer<typeof RunTrace>;

const TracePageSpan = z.object({
  id: z.string(),
  parentId: z.string().optional(),
  runId: z.string(),
  message: z.string(),
  startTime: WireDate,
  duration: z.number(),
  ...outcome,
  attemptNumber: z.int().optional(),
});

/** The same spans flat, by pages, without what is in them. */
export const RunTracePage = z.object({
  data: z.array(TracePageSpan),
  attemptFailures: z.array(z.object({ spanId: z.string(), attemptNumber: z.int(), runId: z.string() })),
  pagination: z.object({ next: z.string().optional(), truncated: z.boolean().optional() }),
});
export type RunTracePage = z.infer<typeof RunTracePage>;

/** Query of the trace: with a page's size or place it is answered flat. */
export const RunTraceQuery = z.object({
  "page[size]": z.coerce.number().int().min(1).max(10_000).optional(),
  "page[after]": z
    .string()
    .regex(/^\d{1,16}\.[0-9a-f]{16}$/, "is no cursor of this list")
    .optional(),
});
export type RunTraceQuery = z.infer<typeof RunTraceQuery>;

/** One span with what is in it. Units: `durationMs` in milliseconds. */
export const SpanDetail = z.object({
  spanId: z.string(),
  parentId: z.string().nullable(),
  runId: z.string(),
  message: z.string(),
  ...outcome,
  startTime: WireDate,
  durationMs: z.number(),
  properties: z.record(z.string(), z.unknown()).optional(),
  events: z.array(SpanEvent).optional(),
  entityType: z.string().optional(),
  triggeredRuns: z
    .array(
      z.object({ runId: z.string(), taskIdentifier: z.string(), status: z.string(), createdAt: WireDate }),
    )
    .optional(),
});
export type SpanDetail = z.infer<typeof SpanDetail>;
