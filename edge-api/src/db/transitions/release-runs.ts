import { z } from "zod";
import type { Database } from "../database.ts";
import { jsonbText } from "../jsonb-text.ts";
import { freeSlots, hintsDue, settleFinals, wakeParents } from "./fragments.ts";
import { type Fence, FencedResult, HintsDue } from "./move-result.ts";

/** A lease given back before anything ran. `retryable: false`: no agent could start it. */
export type Release = Fence & { reason: string; retryable: boolean };

/** How often a run may be given back unstarted before it fails. */
export const releaseCountMax = 6;

const Answer = z.object({
  results: z.array(FencedResult),
  hints: HintsDue,
  nextDueAt: z.string().nullable(),
});
export type ReleasedRuns = z.infer<typeof Answer>;

/* The pause doubles from one second, so that a broken host does not spin; the reason is kept for whoever asks. */
const statement = `
with facts as (
  select row_number() over () as ord, f."runId" as run_id, f.epoch, f.reason, f.retryable
  from jsonb_to_recordset($2::jsonb) as f("runId" text, epoch int, reason text, retryable boolean)
),
gone as (
  delete from leases l using facts f
  where l.run_id = f.run_id and l.epoch = f.epoch and l.phase = 'leased' and ($1::text is null or l.agent_id = $1)
  returning l.run_id, l.environment_id, l.lane_id, l.agent_id
),
moved as (
  update runs r
  set state = case
        when r.cancel_requested_at is not null then 'canceled'
        when f.retryable and r.release_count + 1 < ${releaseCountMax} then 'delayed'
        else 'system_failure' end,
      release_count = r.release_count + 1,
      reason = f.reason,
      due_at = case when r.cancel_requested_at is null and f.retryable and r.release_count + 1 < ${releaseCountMax}
        then (select app_now()) + power(2, r.release_count) * interval '1 second' end,
      finished_at = case when r.cancel_requested_at is not null or not f.retryable or r.release_count + 1 >= ${releaseCountMax}
        then (select app_now()) end,
      error = case
        when r.cancel_requested_at is not null then r.error
        when f.retryable and r.release_count + 1 < ${releaseCountMax} then r.error
        else jsonb_build_object('type', 'INTERNAL_ERROR', 'code', 'TASK_RUN_START_FAILED', 'message', f.reason) end,
      updated_at = (select app_now())
  from gone g join facts f on f.run_id = g.run_id
  where r.id = g.run_id and r.state = 'leased'
  returning r.id, r.environment_id, r.task_slug, r.idempotency_key, r.state, r.attempt, r.output, r.output_type, r.error,
    r.due_at, r.reason, g.agent_id
),
logged as (
  insert into run_events (run_id, at, kind, from_state, to_state, attempt, agent_id, message)
  select id, (select app_now()), 'release', 'leased', state, attempt + 1, agent_id, left(reason, 500) from moved
),
finals as (select * from moved where state <> 'delayed'),
${settleFinals},
${wakeParents},
${freeSlots}
select json_build_object(
  'results', (
    select coalesce(json_agg(json_build_object('ord', f.ord, 'kind', case
      when m.id is not null then 'moved'
      when r.id is null then 'missing'
      when r.lease_epoch = f.epoch and l.run_id is null and r.state in ('delayed', 'system_failure', 'queued', 'canceled') then 'repeated'
      else 'refused' end) order by f.ord), '[]')
    from facts f
    left join moved m on m.id = f.run_id
    left join lateral (select id, state, lease_epoch from runs where id = f.run_id limit 1) r on true
    left join lateral (select run_id from leases where run_id = f.run_id limit 1) l on true),
  'nextDueAt', (select min(due_at) from moved),
  'hints', ${hintsDue})::text`;

/**
 * Gives leases back unstarted: the move `release`, leased → delayed (or failed, after `releaseCountMax` times or when no
 * agent could start it). An agent id of null is the platform's own sweep of leases that nobody began.
 *
 * Cost: one round trip.
 */
export const releaseRuns = async (
  db: Database,
  agentId: string | null,
  releases: readonly Release[],
): Promise<ReleasedRuns> => Answer.parse(await db.call(statement, [agentId, jsonbText(releases)]));
