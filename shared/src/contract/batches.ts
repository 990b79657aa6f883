import { z } from "zod";
import { StorableText } from "./scalars.ts";
import { TaskError } from "./task-error.ts";
import { TriggerOptions } from "./trigger.ts";

/** Most runs of one batch. */
export const batchRunsMax = 1_000;

/** Longest line of an item stream; a longer one fails its item. Units: bytes. */
export const batchLineBytesMax = 3 * 1024 * 1024;

const TaskId = z.string().min(1).max(256);

/** Body of `POST /api/v3/batches`. Source: the client wire contract, 4.2. */
export const CreateBatchBody = z.object({
  runCount: z.int().min(1).max(batchRunsMax, `a batch has at most ${batchRunsMax} runs`),
  taskIdentifiers: z.array(TaskId).min(1).max(batchRunsMax).optional(),
  parentRunId: z.string().min(1).optional(),
  resumeParentOnCompletion: z.boolean().optional(),
  idempotencyKey: StorableText.min(1).max(2_048).optional(),
  idempotencyKeyOptions: z
    .object({ key: z.string(), scope: z.enum(["run", "attempt", "global"]) })
    .optional(),
});
export type CreateBatchBody = z.infer<typeof CreateBatchBody>;

export const CreateBatchResponse = z.object({
  id: z.string(),
  runCount: z.int(),
  isCached: z.boolean(),
  idempotencyKey: z.string().optional(),
});
export type CreateBatchResponse = z.infer<typeof CreateBatchResponse>;

/** One line of an item stream. Its options are checked apart: wrong ones fail the item, not the stream. */
export const BatchItemLine = z.object({
  index: z.int().min(0),
  task: TaskId,
  payload: z.unknown().optional(),
  options: z.unknown().optional(),
});
export type BatchItemLine = z.infer<typeof BatchItemLine>;

/** `POST /api/v3/batches/:id/items`. The counts are there while items are missing. */
export const BatchItemsResponse = z.object({
  id: z.string(),
  itemsAccepted: z.int(),
  itemsDeduplicated: z.int(),
  sealed: z.boolean(),
  enqueuedCount: z.int().optional(),
  expectedCount: z.int().optional(),
});
export type BatchItemsResponse = z.infer<typeof BatchItemsResponse>;

export const batchStatuses = ["PENDING", "PROCESSING", "COMPLETED", "PARTIAL_FAILED", "ABORTED"] as const;

const batchFields = {
  id: z.string(),
  status: z.enum(batchStatuses),
  idempotencyKey: z.string().optional(),
  createdAt: z.iso.datetime(),
  updatedAt: z.iso.datetime(),
  runCount: z.int(),
  runs: z.array(z.string()),
};

/** `GET /api/v1/batches/:id`. */
export const Batch = z.object(batchFields);

/** `GET /api/v2/batches/:id`. */
export const BatchWithProcessing = z.object({
  ...batchFields,
  processing: z.object({
    completedAt: z.iso.datetime().optional(),
    errors: z.array(
      z.object({
        index: z.int(),
        taskIdentifier: z.string(),
        error: z.string(),
        errorCode: z.string().optional(),
      }),
    ),
  }),
});
export type BatchWithProcessing = z.infer<typeof BatchWithProcessing>;

/** How a run ended, as a parent or a caller receives it. Source: the client wire contract, 4.3. */
export const RunResult = z.discriminatedUnion("ok", [
  z.object({
    ok: z.literal(true),
    id: z.string(),
    taskIdentifier: z.string(),
    output: z.string().optional(),
    outputType: z.string(),
    usage: z.object({ durationMs: z.number() }).optional(),
  }),
  z.object({
    ok: z.literal(false),
    id: z.string(),
    taskIdentifier: z.string(),
    error: z.union([TaskError, z.looseObject({ type: z.literal("INTERNAL_ERROR"), code: z.string() })]),
    usage: z.object({ durationMs: z.number() }).optional(),
  }),
]);
export type RunResult = z.infer<typeof RunResult>;

/** `GET /api/v1/batches/:id/results`: what has ended, in order of index. */
export const BatchResults = z.object({ id: z.string(), items: z.array(RunResult) });
export type BatchResults = z.infer<typeof BatchResults>;

const LegacyItem = z.object({
  task: TaskId,
  payload: z.unknown().optional(),
  options: TriggerOptions.optional(),
});

/** Body of `POST /api/v1|v2/tasks/batch`: the batch and its items at once. */
export const LegacyBatchBody = z.object({
  items: z.array(LegacyItem).min(1).max(batchRunsMax, `a batch has at most ${batchRunsMax} items`),
  parentRunId: z.string().min(1).optional(),
  resumeParentOnCompletion: z.boolean().optional(),
  dependentAttempt: z.string().optional(),
});
export type LegacyBatchBody = z.infer<typeof LegacyBatchBody>;

/** Body of `POST /api/v1/tasks/:taskId/batch`: the same for one task. */
export const LegacyTaskBatchBody = LegacyBatchBody.extend({
  items: z
    .array(LegacyItem.omit({ task: true }))
    .min(1)
    .max(batchRunsMax, `a batch has at most ${batchRunsMax} items`),
});

export const LegacyBatchResponse = z.object({ id: z.string(), runCount: z.int() });
export const LegacyBatchRuns = z.object({
  id: z.string(),
  isCached: z.boolean(),
  idempotencyKey: z.string().optional(),
  runs: z.array(
    z.object({
      id: z.string(),
      taskIdentifier: z.string(),
      isCached: z.boolean(),
      idempotencyKey: z.string().optional(),
    }),
  ),
});
export const LegacyTaskBatchResponse = z.object({ batchId: z.string(), runs: z.array(z.string()) });
