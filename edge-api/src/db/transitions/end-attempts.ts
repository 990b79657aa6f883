import type { RunState } from "@longshore/shared/contract/run-status";
import type { TaskError } from "@longshore/shared/contract/task-error";
import { z } from "zod";
import type { Database } from "../database.ts";
import { jsonbText } from "../jsonb-text.ts";
import { dropWaits, freeSlots, hintsDue, settleFinals, wakeParentsBut } from "./fragments.ts";
import { type Fence, FencedResult, HintsDue } from "./move-result.ts";
import { isSilent } from "./silence-fragments.ts";

/**
 * How an attempt ended. `retry` null: no other attempt may follow. Units: `spread` is the random factor of the back-off
 * in [1, 2); `delayMs` replaces the policy's pause.
 */
export type AttemptEnd = Fence & {
  outcome: "completed" | "failed" | "canceled" | "lost";
  output: string | null;
  outputType: string | null;
  error: TaskError | null;
  finalState: RunState;
  retry: { spread: number; delayMs: number | null } | null;
  executedMs: number;
  /** It had too little memory: another attempt follows on the larger machine that the task names, and only there. */
  isOutOfMemory?: boolean;
  /** What kind of fault it was: see errorFingerprint. */
  errorFingerprint?: string | null;
  /** Its start was not told before: the move `start` is made here too, should the lease still wait for it. */
  begins?: boolean;
};

const EndedAttempts = z.object({
  results: z.array(FencedResult),
  hints: HintsDue,
  nextDueAt: z.string().nullable(),
});
export type EndedAttempts = z.infer<typeof EndedAttempts>;

/** `again`: a wake or a claim of the run crossed the statement. */
const Answer = EndedAttempts.extend({
  results: z.array(FencedResult.extend({ kind: z.enum([...FencedResult.shape.kind.options, "again"]) })),
});
type Answer = z.infer<typeof Answer>;

/** Longest pause before a retry: what Postgres' intervals and powers hold with ease. Units: milliseconds (ten years). */
const pauseMsMax = 315_360_000_000;

/*
 * Deleting the lease row is the fence: only the agent and epoch named in it can, once. `lose` names no agent, but asks
 * that the agent is still silent. A retry is a delayed run; a pause of nothing comes due at once. An attempt whose row is
 * not there yet began with this statement; that it is one write for both keeps it from a plan that reads all attempts.
 *
 * A process can end beside its own wait, when the run has no lease: then the run's epoch and the agent that keeps its
 * process are the fence, read from the locked row, and of a woken run the queue entry that only this statement deleted.
 * The agent may also have been handed the continuation before it heard of the end: a continuation is the same process
 * under the next epoch, so that its lease ends with it.
 */
const now = "(select at from clock)";
const statement = `
with clock as materialized (select app_now() as at),
facts as (
  select row_number() over () as ord, f."runId" as run_id, f.epoch, f.outcome, f.output, f."outputType" as output_type,
    f.error, f."finalState" as final_state, f.retry, f."executedMs" as executed_ms,
    coalesce(f."isOutOfMemory", false) as is_oom, f."errorFingerprint" as error_fingerprint,
    coalesce(f.begins, false) as begins
  from jsonb_to_recordset($2::jsonb) as f(
    "runId" text, epoch int, outcome text, output text, "outputType" text, error jsonb, "finalState" text,
    retry jsonb, "executedMs" float8, "isOutOfMemory" boolean, "errorFingerprint" text, begins boolean)
),
gone as (
  delete from leases l using facts f
  where l.run_id = f.run_id and (l.phase = 'executing' or f.begins)
    and (l.epoch = f.epoch or (l.epoch = f.epoch + 1 and l.is_continuation and $1::text is not null))
    and (l.agent_id = $1
      or ($1 is null and exists (select from agents a where a.id = l.agent_id and ${isSilent("a", "$3::timestamptz")})))
  returning l.run_id, l.environment_id, l.lane_id, l.agent_id, l.phase, l.leased_at
),
unleased as (
  select run_id, epoch from facts where $1::text is not null and run_id not in (select run_id from gone)
),
entries_locked as (
  select q.run_id
  from queue_entries q
  join unleased u on u.run_id = q.run_id
  cross join lateral (select lease_epoch, waiting_agent_id from runs where id = u.run_id limit 1) r
  where q.agent_id = $1 and r.lease_epoch = u.epoch and r.waiting_agent_id = $1
  order by q.run_id
  for update of q
),
dropped as (
  delete from queue_entries q where q.run_id in (select run_id from entries_locked) returning q.run_id
),
parked as (
  select r.id, r.state, r.lease_epoch, r.waiting_agent_id
  from runs r
  where r.id in (select run_id from unleased) and (select count(*) from dropped) >= 0
  order by r.id
  for update
),
ending as (
  select run_id, agent_id, phase, leased_at from gone
  union all
  select p.id, p.waiting_agent_id, p.state, null
  from parked p join unleased u on u.run_id = p.id
  where p.lease_epoch = u.epoch and p.waiting_agent_id = $1
    and (p.state = 'waiting' or (p.state = 'queued' and p.id in (select run_id from dropped)))
),
judged as (
  select g.run_id, g.agent_id, g.phase, g.leased_at, f.error_fingerprint, f.outcome, f.output, f.output_type, nullif(f.error, 'null'::jsonb) as error, f.executed_ms,
    case
      when f.outcome in ('completed', 'canceled') then f.outcome
      when r.cancel_requested_at is not null then 'canceled'
      when f.is_oom then case when r.retry#>>'{outOfMemory,machine}' <> r.machine then 'delayed' else f.final_state end
      when jsonb_typeof(f.retry) = 'object' and r.attempt < (r.retry->>'maxAttempts')::int then 'delayed'
      else f.final_state end as state,
    case when f.is_oom then r.retry#>>'{outOfMemory,machine}' else r.machine end as machine,
    case when f.is_oom then 0 else least(${pauseMsMax}, coalesce((f.retry->>'delayMs')::float8, least(
      (r.retry->>'maxTimeoutInMs')::float8,
      case when (r.retry->>'randomize')::boolean then (f.retry->>'spread')::float8 else 1 end
        * least((r.retry->>'minTimeoutInMs')::float8, ${pauseMsMax})
        * power((r.retry->>'factor')::float8,
            least(r.attempt - 1, 250 / greatest(log((r.retry->>'factor')::float8), 0.001)))))) end as delay_ms
  from ending g join facts f on f.run_id = g.run_id
  cross join lateral (
    select retry, machine, cancel_requested_at, attempt + case when g.phase = 'leased' then 1 else 0 end as attempt
    from runs where id = g.run_id limit 1
  ) r
),
moved as (
  update runs r
  set state = j.state, machine = case when j.state = 'delayed' then j.machine else r.machine end,
      error_fingerprint = case when j.state <> 'delayed' then j.error_fingerprint end,
      output = j.output, output_type = j.output_type, error = case when j.state = 'completed' then null else j.error end,
      executed_ms = r.executed_ms + j.executed_ms, waits_open = 0, waiting_agent_id = null,
      attempt = r.attempt + case when j.phase = 'leased' then 1 else 0 end,
      started_at = coalesce(r.started_at, ${now}),
      reason = case when j.phase <> 'leased' then r.reason end,
      due_at = case when j.state = 'delayed' then ${now} + j.delay_ms * interval '1 millisecond' end,
      finished_at = case when j.state <> 'delayed' then ${now} end,
      updated_at = ${now}
  from judged j
  where r.id = j.run_id and r.state = j.phase
  returning r.id, r.environment_id, r.task_slug, r.idempotency_key, r.state, r.attempt, r.output, r.output_type, r.error,
    r.due_at, r.deployment_id, j.phase, j.leased_at, j.agent_id, j.outcome, j.executed_ms, j.error as attempt_error
),
attempts_ended as (
  insert into attempts (run_id, number, status, agent_id, deployment_id, leased_at, started_at, finished_at, executed_ms, error)
  select id, attempt, outcome, agent_id, deployment_id, coalesce(leased_at, ${now}), ${now},
    ${now}, executed_ms, attempt_error
  from moved
  on conflict (run_id, number) do update
    set status = excluded.status, finished_at = excluded.finished_at, executed_ms = excluded.executed_ms, error = excluded.error
),
logged as (
  insert into run_events (run_id, at, kind, from_state, to_state, attempt, agent_id, message)
  select id, ${now}, 'start', 'leased', 'executing', attempt, agent_id, null from moved where phase = 'leased'
  union all
  select id, ${now},
    case when outcome = 'lost' then 'lose' when state = 'delayed' then 'retry' when state = 'completed' then 'complete'
         when state = 'canceled' then 'cancel' else 'fail' end,
    case when phase = 'leased' then 'executing' else phase end, state, attempt, agent_id,
    left(coalesce(attempt_error->>'message', attempt_error->>'raw', attempt_error->>'code'), 500)
  from moved
),
${dropWaits("moved")},
finals as (select * from moved where state <> 'delayed'),
${settleFinals},
${wakeParentsBut("moved")},
${freeSlots}
select json_build_object(
  'results', (
    select coalesce(json_agg(json_build_object('ord', f.ord, 'kind', case
      when m.id is not null then 'moved'
      when r.id is null then 'missing'
      when r.lease_epoch = f.epoch and r.waiting_agent_id = $1 then 'again'
      when r.lease_epoch = f.epoch and a.finished_at is not null then 'repeated'
      else 'refused' end) order by f.ord), '[]')
    from facts f
    left join moved m on m.id = f.run_id
    left join lateral (select id, lease_epoch, attempt, waiting_agent_id from runs where id = f.run_id limit 1) r on true
    left join lateral (
      select finished_at from attempts where run_id = f.run_id and number = r.attempt limit 1
    ) a on true),
  'nextDueAt', (select min(due_at) from moved),
  'hints', ${hintsDue})::text`;

/** How often ends of runs that change hands meanwhile are tried again. */
const crossedMax = 5;

const end = async (
  db: Database,
  agentId: string | null,
  ends: readonly AttemptEnd[],
  silentSince: string | null,
): Promise<EndedAttempts> => {
  const send = async (some: readonly AttemptEnd[]): Promise<Answer> =>
    Answer.parse(await db.call(statement, [agentId, jsonbText(some), silentSince]));
  const whole = await send(ends);
  for (let crossed = 0; crossed < crossedMax; crossed++) {
    const again = whole.results.filter(({ kind }) => kind === "again");
    if (again.length === 0) break;
    const next = await send(again.flatMap(({ ord }) => ends[ord - 1] ?? []));
    for (const [nth, result] of next.results.entries()) if (again[nth]) again[nth].kind = result.kind;
    whole.hints.agentIds.push(...next.hints.agentIds);
    whole.hints.environmentIds.push(...next.hints.environmentIds);
    whole.nextDueAt = [whole.nextDueAt, next.nextDueAt].filter((at) => at !== null).sort()[0] ?? null;
  }
  const results = whole.results.map(({ ord, kind }) => ({
    ord,
    kind: kind === "again" ? ("refused" as const) : kind,
  }));
  return { ...whole, results };
};

/**
 * Ends attempts that an agent executes: the moves `complete`, `fail`, `retry` and `cancel` for many runs. The run, its
 * attempt, its event, its slot, its parents' wait points and the parents that thereby wake are one statement. Of one that
 * `begins` with it, the move `start` is made in the same write. A run that waits, or is queued for this agent, ends as well:
 * its process is over whatever its wait would bring.
 *
 * Cost: one round trip (another when a wake or a claim of such a run crossed it).
 */
export const endAttempts = (
  db: Database,
  agentId: string,
  ends: readonly AttemptEnd[],
): Promise<EndedAttempts> => end(db, agentId, ends, null);

/** The move `lose`: the same for attempts whose agent has not been heard since `silentSince` (ISO 8601). */
export const loseAttemptsOfSilentAgents = (
  db: Database,
  ends: readonly AttemptEnd[],
  silentSince: string,
): Promise<EndedAttempts> => end(db, null, ends, silentSince);
