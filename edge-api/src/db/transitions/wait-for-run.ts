import { z } from "zod";
import type { Database } from "../database.ts";

const Answer = z.object({ kind: z.enum(["linked", "deadlock", "missing"]) });

/*
 * A run that waits, itself or through others, for the waiter would never end. Two such waits that are linked at the same
 * instant do not see each other.
 */
const statement = `
with recursive parent as (
  select id from runs where id = $2 and environment_id = $1 and finished_at is null
),
waited_for as (
  select $3::text as run_id
  union
  select c.id
  from waited_for f
  join run_waits w on w.run_id = f.run_id
  join wait_points p on p.id = w.wait_point_id and p.status = 'pending'
  cross join lateral (
    select p.child_run_id as id where p.child_run_id is not null
    union all
    select i.run_id from batch_items i where i.batch_id = p.batch_id and i.run_id is not null
  ) c
  where f.run_id <> $2
),
child as (
  select c.id, c.finished_at, c.output, c.output_type, c.error
  from runs c
  where c.id = $3 and c.environment_id = $1 and exists (select from parent)
    and not exists (select from waited_for where run_id = $2)
  for update
),
point as (
  insert into wait_points (id, environment_id, kind, status, child_run_id, output, output_type, error, created_at, completed_at)
  select $4, $1, 'run', case when finished_at is null then 'pending' else 'completed' end, id, output, output_type, error,
    (select app_now()), case when finished_at is not null then (select app_now()) end
  from child
),
link as (insert into run_waits (run_id, wait_point_id) select $2, $4 from child)
select json_build_object('kind', case
  when exists (select from child) then 'linked'
  when exists (select from waited_for where run_id = $2) then 'deadlock'
  else 'missing' end)::text`;

/**
 * Lets a parent wait for a run that was there before its trigger (an idempotency key named it, or a policy).
 *
 * Shape: `deadlock` when that run waits for the parent. Cost: one round trip.
 */
export const waitForRun = async (
  db: Database,
  link: { environmentId: string; parentId: string; childId: string; waitPointId: string },
): Promise<z.infer<typeof Answer>["kind"]> =>
  Answer.parse(await db.call(statement, [link.environmentId, link.parentId, link.childId, link.waitPointId]))
    .kind;
