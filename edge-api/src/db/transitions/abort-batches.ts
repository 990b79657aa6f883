import { z } from "zod";
import type { Database } from "../database.ts";
import { wakeParents, wakesDue } from "./fragments.ts";
import { HintsDue } from "./move-result.ts";

const Answer = z.object({ count: z.int(), hints: HintsDue });

const statement = `
with due as (
  select id from batches where seal_by <= (select app_now()) order by id limit 500 for update skip locked
),
aborted as (
  update batches b
  set status = 'ABORTED', seal_by = null, completed_at = (select app_now()), updated_at = (select app_now())
  from due d
  where b.id = d.id and b.status = 'PENDING'
  returning b.id, b.item_count, b.run_count
),
done_points as (
  update wait_points p
  set status = 'completed', completed_at = (select app_now()), error = jsonb_build_object('type', 'STRING_ERROR', 'raw',
    'The batch was given up: ' || a.item_count || ' of its ' || a.run_count || ' items arrived in time.')
  from aborted a
  where p.batch_id = a.id and p.status = 'pending'
  returning p.id
),
${wakeParents}
select json_build_object('count', (select count(*) from aborted), 'hints', ${wakesDue})::text`;

/**
 * Gives up batches whose items did not all arrive in time, up to 500, and tells the parents that wait for them. Runs
 * that were triggered already go on. Cost: one round trip.
 */
export const abortUnsealedBatches = async (db: Database): Promise<z.infer<typeof Answer>> =>
  Answer.parse(await db.call(statement, []));
