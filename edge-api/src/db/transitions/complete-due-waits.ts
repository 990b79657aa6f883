import { z } from "zod";
import type { Database } from "../database.ts";
import { wakeParents, wakesDue } from "./fragments.ts";
import { HintsDue } from "./move-result.ts";

const Answer = z.object({ count: z.int(), hints: HintsDue });

const statement = `
with due as (
  select id, 'The wait token timed out at ' || to_char(due_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as message
  from wait_points
  where due_at <= (select app_now())
  order by due_at
  limit 500
  for update skip locked
),
done_points as (
  update wait_points p
  set status = 'completed', due_at = null, completed_at = (select app_now()),
      output = case when p.kind = 'token' then json_build_object('code', 'TRIGGER_WAITPOINT_TIMEOUT', 'message', d.message)::text end,
      output_type = case when p.kind = 'token' then 'application/json' end,
      error = case when p.kind = 'token' then jsonb_build_object(
        'type', 'BUILT_IN_ERROR', 'name', 'WaitpointTimeoutError', 'message', d.message, 'stackTrace', '') end
  from due d
  where p.id = d.id and p.status = 'pending'
  returning p.id
),
${wakeParents}
select json_build_object('count', (select count(*) from done_points), 'hints', ${wakesDue})::text`;

/** Completes times that have come, and tokens that have timed out (with an error), up to 500, and wakes whoever waited last for them: the move `wake`. */
export const completeDueWaits = async (db: Database): Promise<z.infer<typeof Answer>> =>
  Answer.parse(await db.call(statement, []));
