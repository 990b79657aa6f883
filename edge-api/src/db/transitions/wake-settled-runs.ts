import { z } from "zod";
import type { Database } from "../database.ts";
import { wakesDue } from "./fragments.ts";
import { HintsDue } from "./move-result.ts";

const Answer = z.object({ count: z.int(), hints: HintsDue });

const statement = `
with done_points as (
  update wait_points p
  set status = 'completed', due_at = null, completed_at = (select app_now()),
      output = c.output, output_type = c.output_type, error = c.error
  from runs c
  where p.child_run_id is not null and p.child_run_id = c.id and p.status = 'pending' and c.finished_at is not null
  returning p.id
),
stuck as (
  select r.id from runs r
  where r.waiting_agent_id is not null and r.state = 'waiting'
    and not exists (
      select from run_waits w join wait_points p on p.id = w.wait_point_id
      where w.run_id = r.id and w.is_active and w.taken_epoch is null and p.status = 'pending')
  order by r.id
  limit 500
  for update of r skip locked
),
woken as (
  update runs r set state = 'queued', waits_open = 0, queued_at = (select app_now()), updated_at = (select app_now())
  from stuck s where r.id = s.id and r.state = 'waiting'
  returning r.id, r.environment_id, r.lane_id, r.home_agent_id, r.attempt, r.state, r.machine
),
entries as (
  insert into queue_entries (run_id, lane_id, environment_id, position_at, agent_id, machine)
  select id, lane_id, environment_id, (select app_now()), home_agent_id, machine from woken
),
logged as (
  insert into run_events (run_id, at, kind, from_state, to_state, attempt, agent_id, message)
  select id, (select app_now()), 'wake', 'waiting', 'queued', attempt, home_agent_id, 'found by the sweep' from woken
)
select json_build_object('count', (select count(*) from woken) + (select count(*) from done_points), 'hints', ${wakesDue})::text`;

/**
 * Safety net of the move `wake`: runs that wait for nothing that is still open, and points of runs that are over (one
 * that was made for a known child while that child ended). Who waits for those is woken by the next call.
 *
 * Cost: one round trip.
 */
export const wakeSettledRuns = async (db: Database): Promise<z.infer<typeof Answer>> =>
  Answer.parse(await db.call(statement, []));
