import { z } from "zod";
import type { Database } from "../database.ts";
import { dropWaits, settleFinals, wakeParents } from "./fragments.ts";
import { HintsDue } from "./move-result.ts";

const Answer = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("missing") }),
  /** Final before the call. */
  z.object({ kind: z.literal("repeated") }),
  /** Canceled now: nothing of it was executing. */
  z.object({ kind: z.literal("moved"), hints: HintsDue }),
  /** An agent executes it and has been asked to end it. */
  z.object({ kind: z.literal("requested"), agentId: z.string() }),
  /** Claims and releases of this run crossed every try. */
  z.object({ kind: z.literal("again") }),
]);
export type CancelAnswer = z.infer<typeof Answer>;

const statement = `
with asked as (
  update leases l set cancel_requested = true
  from runs r
  where l.run_id = $1 and r.id = l.run_id and r.environment_id = $2
  returning l.run_id, l.agent_id
),
dropped as (
  delete from queue_entries q using runs r
  where q.run_id = $1 and r.id = q.run_id and r.environment_id = $2 and (select count(*) from asked) >= 0
  returning q.run_id
),
target as (
  select r.id, r.state, r.home_agent_id, r.attempt, r.waiting_agent_id
  from runs r
  where r.id = $1 and r.environment_id = $2 and (select count(*) from dropped) >= 0
  for update
),
noted as (
  update runs r set cancel_requested_at = coalesce(r.cancel_requested_at, app_now()), reason = $3, updated_at = app_now()
  from target t
  where r.id = t.id and t.state in ('leased', 'executing')
  returning r.id
),
finals as (
  update runs r
  set state = 'canceled', cancel_requested_at = app_now(), finished_at = app_now(), due_at = null, expires_at = null,
      waits_open = 0, waiting_agent_id = null, reason = $3, updated_at = app_now(),
      error = jsonb_build_object('type', 'STRING_ERROR', 'raw', $3::text)
  from target t
  where r.id = t.id
    and (t.state in ('pending_version', 'delayed', 'waiting')
      or (t.state = 'queued' and t.id in (select run_id from dropped)))
  returning r.id, r.environment_id, r.task_slug, r.idempotency_key, r.state, r.attempt, r.output, r.output_type, r.error
),
attempts_ended as (
  update attempts a set status = 'canceled', finished_at = app_now()
  from finals f where a.run_id = f.id and a.number = f.attempt and a.finished_at is null
),
${dropWaits("finals")},
logged as (
  insert into run_events (run_id, at, kind, from_state, to_state, attempt, agent_id, message)
  select t.id, app_now(), 'cancel', t.state, coalesce(f.state, t.state), t.attempt, t.home_agent_id, $3
  from target t left join finals f on f.id = t.id
  where f.id is not null or t.id in (select id from noted)
),
${settleFinals},
${wakeParents}
select (case
  when not exists (select from target) then json_build_object('kind', 'missing')
  when exists (select from finals) then json_build_object('kind', 'moved', 'hints', json_build_object(
    'environmentIds', '[]'::json,
    'agentIds', (
      select coalesce(json_agg(distinct a), '[]') from (
        select home_agent_id as a from woken where state = 'queued' and home_agent_id is not null
        union select waiting_agent_id from target where waiting_agent_id is not null) x)))
  when exists (select from noted) and exists (select from asked)
    then json_build_object('kind', 'requested', 'agentId', (select agent_id from asked))
  when (select state from target) in ('leased', 'executing', 'queued') then json_build_object('kind', 'again')
  else json_build_object('kind', 'repeated')
end)::text`;

/**
 * The move `cancel`: at once for a run that nothing executes; for one that an agent executes, the request that its
 * agent then carries out and reports.
 *
 * Cost: one round trip (a second one when a claim of the same run crossed it).
 */
export const cancelRun = async (
  db: Database,
  run: { runId: string; environmentId: string; reason: string },
): Promise<CancelAnswer> => {
  for (let crossed = 0; ; crossed++) {
    const answer = Answer.parse(await db.call(statement, [run.runId, run.environmentId, run.reason]));
    if (answer.kind !== "again" || crossed === 5) return answer;
  }
};
