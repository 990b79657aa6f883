import { z } from "zod";
import type { Database } from "../database.ts";
import { jsonbText, plainText } from "../jsonb-text.ts";
import type { RunFilter } from "../queries/run-filter.ts";

/** How long who works on a step keeps the action to itself. Units: seconds. */
const leaseS = 60;

const BulkActionRow = z.object({
  id: z.string(),
  environmentId: z.string(),
  name: z.string().nullable(),
  type: z.enum(["CANCEL", "REPLAY"]),
  status: z.enum(["PENDING", "COMPLETED", "ABORTED"]),
  totalCount: z.int(),
  successCount: z.int(),
  failureCount: z.int(),
  cursor: z.string().nullable(),
  target: z.unknown(),
  createdAt: z.string(),
  completedAt: z.string().nullable(),
});
export type BulkActionRow = z.infer<typeof BulkActionRow>;

/** The runs it is for. */
export type BulkTarget = { filter?: RunFilter; runIds?: string[]; region?: string };

const rowJson = (b: string) => `json_build_object(
  'id', ${b}.id, 'environmentId', ${b}.environment_id, 'name', ${b}.name, 'type', ${b}.type, 'status', ${b}.status,
  'totalCount', ${b}.total_count, 'successCount', ${b}.success_count, 'failureCount', ${b}.failure_count,
  'cursor', ${b}.cursor, 'target', ${b}.target, 'createdAt', ${b}.created_at, 'completedAt', ${b}.completed_at)`;

const createStatement = `
with made as (
  insert into bulk_actions (id, environment_id, name, type, target, total_count, worked_until)
  values ($1, $2, $3, $4, $5::jsonb, $6, (select app_now()))
  returning id
)
select (select to_json(id) from made)::text`;

/** Writes a bulk action down, to be worked on at once by whoever takes it. */
export const createBulkAction = async (
  db: Database,
  input: {
    id: string;
    environmentId: string;
    name: string | null;
    type: "CANCEL" | "REPLAY";
    target: BulkTarget;
    totalCount: number;
  },
): Promise<void> => {
  const name = input.name === null ? null : plainText(input.name);
  await db.call(createStatement, [
    input.id,
    input.environmentId,
    name,
    input.type,
    jsonbText(input.target),
    input.totalCount,
  ]);
};

const takeStatement = `
with taken as (
  update bulk_actions set worked_until = (select app_now()) + interval '${leaseS} seconds'
  where id = $1 and status = 'PENDING' and worked_until <= (select app_now())
  returning *
)
select coalesce((select ${rowJson("b")} from taken b), 'null'::json)::text`;

/** Takes an action to work on it; null when another does, or it is over. */
export const takeBulkAction = async (db: Database, id: string): Promise<BulkActionRow | null> =>
  BulkActionRow.nullable().parse(await db.call(takeStatement, [id]));

const stepStatement = `
with moved as (
  update bulk_actions b
  set cursor = coalesce($3, b.cursor),
      success_count = b.success_count + $4::int,
      failure_count = b.failure_count + $5::int,
      total_count = case when $6::boolean and b.status = 'PENDING' then b.success_count + b.failure_count + $4::int + $5::int
        else greatest(b.total_count, b.success_count + b.failure_count + $4::int + $5::int) end,
      status = case when $6::boolean and b.status = 'PENDING' then 'COMPLETED' else b.status end,
      completed_at = case when $6::boolean then coalesce(b.completed_at, (select app_now())) else b.completed_at end,
      worked_until = case when $6::boolean or b.status <> 'PENDING' then null
        when $7::boolean then (select app_now()) + interval '${leaseS} seconds' else (select app_now()) end
  where b.id = $1 and b.cursor is not distinct from $2 and b.status in ('PENDING', 'ABORTED')
  returning b.status
)
select coalesce((select to_json(status) from moved), 'null'::json)::text`;

/** What one step did: which runs lie behind it now, and how they fared. */
export type BulkStep = {
  from: string | null;
  to: string | null;
  successCount: number;
  failureCount: number;
  isLast: boolean;
  /** Whether the worker goes on with the next step. */
  goesOn: boolean;
};

/**
 * Counts a step and moves the cursor over it, only where the cursor still stands before it: a step that two workers
 * did counts once. Shape: whether the action is still to be worked on by this worker.
 */
export const endBulkStep = async (db: Database, id: string, step: BulkStep): Promise<boolean> => {
  const values = [id, step.from, step.to, step.successCount, step.failureCount, step.isLast, step.goesOn];
  return (await db.call(stepStatement, values)) === "PENDING";
};

const abortStatement = `
with found as (select id from bulk_actions where id = $1 and environment_id = $2),
moved as (
  update bulk_actions set status = 'ABORTED', worked_until = null, completed_at = (select app_now())
  where id = $1 and environment_id = $2 and status = 'PENDING'
)
select (select to_json(count(*)) from found)::text`;

/** Ends an action after the step that is under way; one that is over stays as it is. Errors: false when it is missing. */
export const abortBulkAction = async (db: Database, id: string, environmentId: string): Promise<boolean> =>
  (await db.call(abortStatement, [id, environmentId])) === 1;

const markStatement = `
with locked as (
  select r.id from runs r
  where r.id = any($2::text[]) and r.environment_id = $3 and r.finished_at is null
  order by r.id
  for update
),
marked as (
  update runs r set bulk_action_id = $1 where r.id in (select id from locked)
)
select (select count(*) from locked)::text`;

/** Writes into open runs which action takes them in hand, so that lists find them and a resumed step sees its own. */
export const markBulkRuns = async (
  db: Database,
  bulkActionId: string,
  environmentId: string,
  runIds: readonly string[],
): Promise<void> => {
  await db.call(markStatement, [bulkActionId, runIds, environmentId]);
};

const openStatement = `
select (select coalesce(json_agg(id), '[]') from (
  select id from bulk_actions where worked_until <= (select app_now()) order by worked_until limit 10) b)::text`;

/** Actions that nobody works on. */
export const findOpenBulkActions = async (db: Database): Promise<string[]> =>
  z.array(z.string()).parse(await db.call(openStatement, []));

const findStatement = `
select coalesce((
  select ${rowJson("b")} from bulk_actions b where b.id = $1 and b.environment_id = $2), 'null'::json)::text`;

export const findBulkAction = async (
  db: Database,
  id: string,
  environmentId: string,
): Promise<BulkActionRow | null> =>
  BulkActionRow.nullable().parse(await db.call(findStatement, [id, environmentId]));

const listStatement = `
select (select coalesce(json_agg(${rowJson("b")} order by b.id desc), '[]') from (
  select * from bulk_actions
  where environment_id = $1 and ($2::text is null or id < $2) and ($3::text is null or id > $3)
  order by case when $3::text is null then id end desc, id
  limit $4) b)::text`;

/** Actions of an environment, newest first, after or before the one named. */
export const listBulkActions = async (
  db: Database,
  environmentId: string,
  page: { after: string | null; before: string | null; size: number },
): Promise<BulkActionRow[]> =>
  z
    .array(BulkActionRow)
    .parse(await db.call(listStatement, [environmentId, page.after, page.before, page.size]));
