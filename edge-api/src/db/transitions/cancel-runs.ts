import { z } from "zod";
import type { Database } from "../database.ts";
import { dropWaits, settleFinals, wakeParentsBut } from "./fragments.ts";
import { HintsDue } from "./move-result.ts";

const Answer = z.object({
  results: z.array(
    z.object({
      runId: z.string(),
      /**
       * `repeated`: final before the call. `moved`: canceled now, nothing of it was executing. `requested`: an agent
       * executes it and has been asked to end it. `again`: a claim crossed the call.
       */
      kind: z.enum(["missing", "repeated", "moved", "requested", "again"]),
    }),
  ),
  /** Runs below the named ones that were reached as well. */
  belowCount: z.int(),
  hints: HintsDue,
});
export type CanceledRuns = z.infer<typeof Answer>;

/*
 * What a run triggered is cancelled with it, however deep, also below a run that is over by itself. A finaliser is no part of
 * that: it belongs to the end of its run. A run that waits for one of those must not be woken by it: it ends in the same
 * statement. Leases, entries and runs are locked in this order, each by id.
 */
const statement = `
with recursive walked as (
  select r.id, true as is_open from runs r
  where r.id = any($1::text[]) and r.environment_id = $2 and r.finished_at is null
  union
  select c.id, c.finished_at is null
  from walked w join runs c on c.parent_run_id = w.id and c.trigger_function <> 'finaliser'
),
tree as (select id from walked where is_open),
leases_locked as (
  select l.run_id from leases l where l.run_id in (select id from tree) order by l.run_id for update
),
asked as (
  update leases l set cancel_requested = true
  where l.run_id in (select run_id from leases_locked)
  returning l.run_id, l.agent_id
),
entries_locked as (
  select q.run_id from queue_entries q
  where q.run_id in (select id from tree) and (select count(*) from asked) >= 0
  order by q.run_id for update
),
dropped as (
  delete from queue_entries q where q.run_id in (select run_id from entries_locked) returning q.run_id
),
target as (
  select r.id, r.state, r.home_agent_id, r.attempt, r.waiting_agent_id
  from runs r
  where r.id in (select id from tree) and (select count(*) from dropped) >= 0
  order by r.id
  for update
),
noted as (
  update runs r set cancel_requested_at = coalesce(r.cancel_requested_at, (select app_now())), reason = $3, updated_at = (select app_now())
  from target t
  where r.id = t.id and t.state in ('leased', 'executing')
  returning r.id
),
finals as (
  update runs r
  set state = 'canceled', cancel_requested_at = (select app_now()), finished_at = (select app_now()), due_at = null, expires_at = null,
      waits_open = 0, waiting_agent_id = null, reason = $3, updated_at = (select app_now()),
      error = jsonb_build_object('type', 'STRING_ERROR', 'raw', $3::text)
  from target t
  where r.id = t.id
    and (t.state in ('pending_version', 'delayed', 'waiting')
      or (t.state = 'queued' and t.id in (select run_id from dropped)))
  returning r.id, r.environment_id, r.task_slug, r.idempotency_key, r.state, r.attempt, r.output, r.output_type, r.error
),
attempts_ended as (
  update attempts a set status = 'canceled', finished_at = (select app_now())
  from finals f where a.run_id = f.id and a.number = f.attempt and a.finished_at is null
),
${dropWaits("finals")},
logged as (
  insert into run_events (run_id, at, kind, from_state, to_state, attempt, agent_id, message)
  select t.id, (select app_now()), 'cancel', t.state, coalesce(f.state, t.state), t.attempt, t.home_agent_id, $3
  from target t left join finals f on f.id = t.id
  where f.id is not null or t.id in (select id from noted)
),
${settleFinals},
${wakeParentsBut("finals")},
judged as (
  select n.id,
    case when r.id is null then 'missing'
         when r.finished_at is not null then 'repeated'
         when f.id is not null then 'moved'
         when n.id in (select id from noted) and n.id in (select run_id from asked) then 'requested'
         when t.state in ('leased', 'executing', 'queued') then 'again'
         else 'repeated' end as kind
  from unnest($1::text[]) as n(id)
  left join lateral (select * from runs where id = n.id limit 1) r on r.environment_id = $2
  left join target t on t.id = n.id
  left join finals f on f.id = n.id
)
select json_build_object(
  'results', (select coalesce(json_agg(json_build_object('runId', id, 'kind', kind)), '[]') from judged),
  'belowCount', (select count(*) from target where not id = any($1::text[])),
  'hints', json_build_object(
    'environmentIds', (select coalesce(json_agg(distinct environment_id), '[]') from finalisers_noted),
    'agentIds', (
      select coalesce(json_agg(distinct a), '[]') from (
        select home_agent_id as a from woken where state = 'queued' and home_agent_id is not null
        union select waiting_agent_id from target where waiting_agent_id is not null
        union select agent_id from asked) x)))::text`;

/** How often runs that change hands meanwhile are tried again. */
const crossedMax = 5;

/**
 * The move `cancel`, for runs and all that they triggered: at once for what nothing executes; for what an agent
 * executes, the request that its agent then carries out and reports.
 *
 * Cost: one round trip (another when a claim of a named run crossed it), which looks at all that they triggered, what is over
 * included.
 */
export const cancelRuns = async (
  db: Database,
  request: { environmentId: string; runIds: readonly string[]; reason: string },
): Promise<CanceledRuns> => {
  const parameters = [request.runIds, request.environmentId, request.reason];
  const whole = Answer.parse(await db.call(statement, parameters));
  for (let crossed = 0; crossed < crossedMax; crossed++) {
    const again = whole.results.filter(({ kind }) => kind === "again").map(({ runId }) => runId);
    if (again.length === 0) break;
    const next = Answer.parse(await db.call(statement, [again, ...parameters.slice(1)]));
    const settled = new Map(next.results.map((result) => [result.runId, result]));
    whole.results = whole.results.map((result) => settled.get(result.runId) ?? result);
    whole.belowCount += next.belowCount;
    whole.hints.agentIds.push(...next.hints.agentIds);
    whole.hints.environmentIds.push(...next.hints.environmentIds);
  }
  return whole;
};
