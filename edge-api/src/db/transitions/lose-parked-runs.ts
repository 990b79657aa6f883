import { z } from "zod";
import type { Database } from "../database.ts";
import { jsonbText } from "../jsonb-text.ts";
import { dropWaits, endsDue, settleFinals, wakeParents } from "./fragments.ts";
import { HintsDue } from "./move-result.ts";
import { couldSpeak, isSilent } from "./silence-fragments.ts";

const Answer = z.object({ count: z.int(), hints: HintsDue, nextDueAt: z.string().nullable() });

const isLost = `${isSilent("a", "$1::timestamptz")} and ${couldSpeak("a", "$3::float8")}`;

const statement = `
with entries as (
  select q.run_id from queue_entries q join agents a on a.id = q.agent_id
  where ${isLost}
  limit 500
  for update of q skip locked
),
lost as (
  select r.id, r.state from runs r join agents a on a.id = r.waiting_agent_id
  where r.waiting_agent_id is not null and ${isLost}
    and (r.state = 'waiting' or r.state = 'queued' and r.id in (select run_id from entries))
  order by r.id
  limit 500
  for update of r skip locked
),
dropped as (
  delete from queue_entries q using lost l where q.run_id = l.id returning q.run_id
),
moved as (
  update runs r
  set state = case when r.attempt < (r.retry->>'maxAttempts')::int then 'delayed' else 'system_failure' end,
      due_at = case when r.attempt < (r.retry->>'maxAttempts')::int then (select app_now()) end,
      finished_at = case when r.attempt >= (r.retry->>'maxAttempts')::int then (select app_now()) end,
      waits_open = 0, waiting_agent_id = null, lease_epoch = r.lease_epoch + 1, error = $2::jsonb, updated_at = (select app_now())
  from lost l
  where r.id = l.id and (l.state = 'waiting' or l.id in (select run_id from dropped))
  returning r.id, r.environment_id, r.task_slug, r.idempotency_key, r.state, r.attempt, r.output, r.output_type, r.error,
    r.due_at, l.state as from_state, r.home_agent_id as agent_id
),
attempts_ended as (
  update attempts a set status = 'lost', finished_at = (select app_now()), error = $2::jsonb
  from moved m where a.run_id = m.id and a.number = m.attempt
),
${dropWaits("moved")},
logged as (
  insert into run_events (run_id, at, kind, from_state, to_state, attempt, agent_id, message)
  select id, (select app_now()), 'lose', from_state, state, attempt, agent_id, $2::jsonb->>'message' from moved
),
finals as (select * from moved where state <> 'delayed'),
${settleFinals},
${wakeParents}
select json_build_object('count', (select count(*) from moved), 'nextDueAt', (select min(due_at) from moved),
  'hints', ${endsDue})::text`;

/**
 * The move `lose` for runs that wait, or are queued to continue, on an agent that has not been heard since `silentSince`
 * (ISO 8601): their process is gone with it, so the attempt is lost and the retry policy decides. `heardMs`: see `couldSpeak`.
 *
 * Cost: one round trip.
 */
export const loseParkedRunsOfSilentAgents = async (
  db: Database,
  silentSince: string,
  error: object,
  heardMs: number | null = null,
): Promise<z.infer<typeof Answer>> =>
  Answer.parse(await db.call(statement, [silentSince, jsonbText(error), heardMs]));
