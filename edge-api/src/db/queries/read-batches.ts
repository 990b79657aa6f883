import { batchStatuses } from "@longshore/shared/contract/batches";
import { z } from "zod";
import type { Database } from "../database.ts";

const Progress = z.object({
  status: z.enum(batchStatuses),
  runCount: z.int(),
  itemCount: z.int(),
  parentRunId: z.string().nullable(),
  resumesParent: z.boolean(),
  /** Indexes of the items that are there. */
  indexes: z.array(z.int()),
});
export type BatchProgress = z.infer<typeof Progress>;

const progressStatement = `
select coalesce((
  select json_build_object('status', b.status, 'runCount', b.run_count, 'itemCount', b.item_count,
    'parentRunId', b.parent_run_id, 'resumesParent', b.resumes_parent,
    'indexes', (select coalesce(json_agg(i.index), '[]') from batch_items i where i.batch_id = b.id))
  from batches b where b.id = $1 and b.environment_id = $2), 'null'::json)::text`;

/** How far a batch is; null when the environment has none with this id. Cost: one round trip. */
export const readBatchProgress = async (
  db: Database,
  environmentId: string,
  batchId: string,
): Promise<BatchProgress | null> =>
  Progress.nullable().parse(await db.call(progressStatement, [batchId, environmentId]));

const Row = z.object({
  id: z.string(),
  status: z.enum(batchStatuses),
  idempotencyKey: z.string().nullable(),
  createdAt: z.string(),
  updatedAt: z.string(),
  completedAt: z.string().nullable(),
  runCount: z.int(),
  runs: z.array(z.string()),
  errors: z.array(
    z.object({ index: z.int(), taskIdentifier: z.string(), error: z.string(), errorCode: z.string() }),
  ),
});
export type BatchRow = z.infer<typeof Row>;

const rowStatement = `
select coalesce((
  select json_build_object('id', b.id, 'status', b.status, 'idempotencyKey', b.idempotency_key,
    'createdAt', b.created_at, 'updatedAt', b.updated_at, 'completedAt', b.completed_at, 'runCount', b.run_count,
    'runs', (select coalesce(json_agg(i.run_id order by i.index), '[]') from batch_items i where i.batch_id = b.id),
    'errors', (
      select coalesce(json_agg(json_build_object('index', i.index, 'taskIdentifier', i.task_slug,
        'error', i.error->>'message', 'errorCode', i.error->>'code') order by i.index), '[]')
      from batch_items i where i.batch_id = b.id and i.error is not null))
  from batches b where b.id = $1 and b.environment_id = $2), 'null'::json)::text`;

/** A batch with its runs and the errors of its items; null when the environment has none with this id. */
export const readBatchRow = async (
  db: Database,
  environmentId: string,
  batchId: string,
): Promise<BatchRow | null> => Row.nullable().parse(await db.call(rowStatement, [batchId, environmentId]));

const Ended = z.object({
  batchId: z.string(),
  id: z.string(),
  taskIdentifier: z.string(),
  state: z.string(),
  output: z.string().nullable(),
  outputType: z.string().nullable(),
  error: z.unknown(),
  executedMs: z.number(),
});
export type EndedItem = z.infer<typeof Ended>;

const endedStatement = `
select coalesce(json_agg(json_build_object('batchId', i.batch_id, 'id', r.id, 'taskIdentifier', r.task_slug,
  'state', r.state, 'output', r.output, 'outputType', r.output_type, 'error', r.error, 'executedMs', r.executed_ms)
  order by i.batch_id, i.index), '[]')::text
from batch_items i join runs r on r.id = i.run_id
where i.batch_id = any($1::text[]) and r.finished_at is not null`;

/** What the runs of these batches gave, as far as they are over, in order of index. Cost: one round trip. */
export const readEndedItems = async (db: Database, batchIds: readonly string[]): Promise<EndedItem[]> =>
  z.array(Ended).parse(await db.call(endedStatement, [batchIds]));
