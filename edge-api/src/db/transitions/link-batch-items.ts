import { batchStatuses } from "@longshore/shared/contract/batches";
import { defaultMachine } from "@longshore/shared/contract/machines";
import { defaultRetryPolicy } from "@longshore/shared/core/back-off";
import { z } from "zod";
import type { Database } from "../database.ts";
import { jsonbText } from "../jsonb-text.ts";
import { completeBatchPoints, wakeParents, wakesDue } from "./fragments.ts";
import { HintsDue } from "./move-result.ts";

/** An item and the run it made or met. With an error `runId` is new: a run that has failed is made under it. */
export type LinkedItem = {
  index: number;
  task: string;
  runId: string;
  error: { message: string; code: string } | null;
};

const Answer = z.object({
  linked: z.int(),
  /** Null when there is no such batch. */
  status: z.enum(batchStatuses).nullable(),
  itemCount: z.int(),
  hints: HintsDue,
});
export type LinkAnswer = z.infer<typeof Answer>;

/*
 * The batch is locked first, so that two streams of one batch link one after the other. A run that ends between its
 * trigger and this statement is counted here; one that ends during it, by settleBatches.
 */
const statement = `
with given as (
  select * from jsonb_to_recordset($3::jsonb) as g("index" int, "task" text, "runId" text, "error" jsonb)
),
batch as (
  select id, parent_run_id, resumes_parent from batches
  where id = $1 and environment_id = $2 and status = 'PENDING'
  for update
),
linked as (
  insert into batch_items (batch_id, index, task_slug, run_id, error, is_over)
  select b.id, g."index", g."task", g."runId", nullif(g."error", 'null'::jsonb),
    coalesce(jsonb_typeof(g."error") = 'object', false) or r.finished_at is not null
  from batch b cross join given g left join lateral (select * from runs where id = g."runId" limit 1) r on true
  on conflict (batch_id, index) do nothing
  returning index, task_slug, run_id, error, is_over
),
failed as (
  insert into runs (id, environment_id, task_slug, state, payload_type, retry, machine, error, trigger_function,
    parent_run_id, root_run_id, depth, batch_id, batch_index, created_at, updated_at, finished_at)
  select l.run_id, $2, l.task_slug, 'system_failure', 'application/json', $4::jsonb, $5,
    jsonb_build_object('type', 'INTERNAL_ERROR', 'code', l.error->>'code', 'message', l.error->>'message'),
    case when b.resumes_parent then 'batchTriggerAndWait' else 'batchTrigger' end,
    p.id, coalesce(p.root_run_id, p.id), coalesce(p.depth + 1, 0), b.id, l.index, (select app_now()), (select app_now()), (select app_now())
  from linked l cross join batch b left join lateral (select * from runs where id = b.parent_run_id limit 1) p on true
  where l.error is not null
  returning id, error
),
logged as (
  insert into run_events (run_id, at, kind, to_state, message)
  select id, (select app_now()), 'trigger', 'system_failure', left(error->>'message', 500) from failed
),
batches_done as (
  update batches b
  set item_count = b.item_count + n.items, failed_count = b.failed_count + n.failed,
      open_count = b.open_count - n.over, updated_at = (select app_now()),
      sealed_at = case when b.item_count + n.items = b.run_count then (select app_now()) end,
      seal_by = case when b.item_count + n.items = b.run_count then null else b.seal_by end,
      completed_at = case when b.item_count + n.items = b.run_count and b.open_count = n.over then (select app_now()) end,
      status = case
        when b.item_count + n.items < b.run_count then 'PENDING'
        when b.open_count > n.over then 'PROCESSING'
        when b.failed_count + n.failed > 0 then 'PARTIAL_FAILED'
        else 'COMPLETED' end
  from (select count(*)::int as items, count(*) filter (where error is not null)::int as failed,
      count(*) filter (where is_over)::int as over from linked) n
  where b.id in (select id from batch)
  returning b.id, b.status, b.item_count
),
${completeBatchPoints},
done_points as (select id from batch_points),
${wakeParents}
select json_build_object(
  'linked', (select count(*) from linked),
  'status', coalesce((select status from batches_done),
    (select status from batches where id = $1 and environment_id = $2)),
  'itemCount', coalesce((select item_count from batches_done),
    (select item_count from batches where id = $1 and environment_id = $2), 0),
  'hints', ${wakesDue})::text`;

/**
 * Puts items into a batch that is still open, and seals it with the last of them. An item that is there already stays
 * as it is. One that could not be triggered becomes a run that failed before it began.
 *
 * Cost: one round trip, whatever the count.
 */
export const linkBatchItems = async (
  db: Database,
  batch: { id: string; environmentId: string },
  items: readonly LinkedItem[],
): Promise<LinkAnswer> =>
  Answer.parse(
    await db.call(statement, [
      batch.id,
      batch.environmentId,
      jsonbText(items),
      JSON.stringify(defaultRetryPolicy),
      defaultMachine,
    ]),
  );
