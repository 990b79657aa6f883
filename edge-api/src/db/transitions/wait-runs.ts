import type { WaitSpec } from "@longshore/shared/contract/agent-protocol";
import { TaskError } from "@longshore/shared/contract/task-error";
import { z } from "zod";
import type { Database } from "../database.ts";
import { jsonbText } from "../jsonb-text.ts";
import { freeSlots } from "./fragments.ts";
import { type Fence, HintsDue } from "./move-result.ts";

export type WaitRequest = Fence & { waits: WaitSpec[] };

const Result = z.object({
  ord: z.int(),
  kind: z.enum(["moved", "ready", "repeated", "refused", "missing", "broken"]),
  environmentId: z.string().nullable(),
  waits: z.array(
    z.object({
      id: z.string(),
      kind: z.enum(["time", "run", "token", "batch"]),
      runId: z.string().nullable(),
      batchId: z.string().nullable(),
      taskIdentifier: z.string().nullable(),
      output: z.string().nullable(),
      outputType: z.string().nullable(),
      error: TaskError.nullable(),
    }),
  ),
});
const Answer = z.object({ results: z.array(Result), hints: HintsDue, nextDueAt: z.string().nullable() });
export type WaitAnswer = z.infer<typeof Answer>;

/*
 * The points are locked before their status is read: whoever completes one of them either did so before, and it counts
 * as done, or comes after this statement and finds the run waiting. A run whose points are all done stays as it is and
 * is answered `ready`: its result goes to the process that asked, under the same epoch. A child's point that was taken
 * already is found again, so that a report whose answer was lost is answered the same. What the runs of a batch gave is
 * not read here: this statement's snapshot may be older than the point it waited for.
 */
const statement = `
with facts as (
  select row_number() over () as ord, f."runId" as run_id, f.epoch, f.waits
  from jsonb_to_recordset($2::jsonb) as f("runId" text, epoch int, waits jsonb)
),
asked as (
  select f.ord, f.run_id, f.epoch, w.position, w.spec->>'kind' as kind, w.spec->>'id' as id,
    (w.spec->>'at')::timestamptz as due_at, w.spec->>'runId' as child_run_id, w.spec->>'batchId' as batch_id
  from facts f, jsonb_array_elements(f.waits) with ordinality as w(spec, position)
),
holders as (
  select l.run_id, l.epoch, l.environment_id, l.lane_id
  from leases l join facts f on f.run_id = l.run_id and f.epoch = l.epoch
  where l.agent_id = $1 and l.phase = 'executing'
),
timed as (
  insert into wait_points (id, environment_id, kind, status, due_at, created_at, completed_at)
  select a.id, h.environment_id, 'time', case when a.due_at <= (select app_now()) then 'completed' else 'pending' end,
    case when a.due_at > (select app_now()) then a.due_at end, (select app_now()), case when a.due_at <= (select app_now()) then (select app_now()) end
  from asked a join holders h on h.run_id = a.run_id
  where a.kind = 'time'
  on conflict (id) do nothing
  returning id, status
),
named as (
  select a.ord, a.run_id, a.position, a.id from asked a where a.kind in ('time', 'token')
  union all
  select a.ord, a.run_id, a.position, (
    select rw.wait_point_id
    from run_waits rw join wait_points p on p.id = rw.wait_point_id
    where rw.run_id = a.run_id
      and case a.kind when 'run' then p.child_run_id = a.child_run_id else p.batch_id = a.batch_id end
    order by rw.taken_epoch nulls first, p.id limit 1)
  from asked a where a.kind in ('run', 'batch')
),
points as (
  select p.id, p.environment_id, p.status, p.kind, p.child_run_id, p.batch_id, p.output, p.output_type, p.error
  from wait_points p
  where p.id in (select id from named)
  order by p.id
  for update
),
states as (
  -- A point that is named twice is waited for once.
  select distinct on (n.ord, n.id) n.ord, n.run_id, n.position, n.id, coalesce(p.status, t.status) as status
  from named n
  left join holders h on h.run_id = n.run_id
  left join points p on p.id = n.id and p.environment_id = h.environment_id
  left join timed t on t.id = n.id
  order by n.ord, n.id, n.position
),
judged as (
  select ord, run_id, count(*) filter (where status = 'pending')::int as open, bool_or(status is null) as is_broken
  from states group by ord, run_id
),
gone as (
  delete from leases l using facts f, judged j
  where l.run_id = f.run_id and l.epoch = f.epoch and l.agent_id = $1 and l.phase = 'executing' and not l.cancel_requested
    and j.ord = f.ord and j.open > 0 and not j.is_broken
  returning l.run_id, l.environment_id, l.lane_id
),
moved as (
  update runs r
  set state = 'waiting', waits_open = j.open, waiting_agent_id = r.home_agent_id, updated_at = (select app_now())
  from gone g join judged j on j.run_id = g.run_id
  where r.id = g.run_id and r.state = 'executing'
  returning r.id, r.attempt
),
linked as (
  insert into run_waits (run_id, wait_point_id, is_active, position, taken_epoch)
  select s.run_id, s.id, true, s.position, case when j.open = 0 then h.epoch end
  from states s join judged j on j.ord = s.ord join holders h on h.run_id = s.run_id
  where not j.is_broken and (j.open = 0 or s.run_id in (select id from moved))
  on conflict (run_id, wait_point_id) do update
    set is_active = true, position = excluded.position, taken_epoch = excluded.taken_epoch
),
logged as (
  insert into run_events (run_id, at, kind, from_state, to_state, attempt, agent_id)
  select id, (select app_now()), 'wait', 'executing', 'waiting', attempt, $1 from moved
),
${freeSlots}
select json_build_object(
  'results', (
    select coalesce(json_agg(json_build_object('ord', f.ord,
      'kind', case
        when m.id is not null then 'moved'
        when h.run_id is not null and j.open = 0 and not j.is_broken then 'ready'
        when h.run_id is not null and j.is_broken then 'broken'
        when r.id is null then 'missing'
        when r.lease_epoch = f.epoch and r.state in ('waiting', 'queued') then 'repeated'
        else 'refused' end,
      'environmentId', h.environment_id,
      'waits', case when h.run_id is not null and j.open = 0 and not j.is_broken then (
        select coalesce(json_agg(json_build_object('id', s.id, 'kind', coalesce(p.kind, 'time'),
          'runId', p.child_run_id, 'batchId', p.batch_id, 'taskIdentifier', c.task_slug, 'output', p.output, 'outputType', p.output_type,
          'error', p.error) order by s.position), '[]')
        from states s left join points p on p.id = s.id left join lateral (select task_slug from runs where id = p.child_run_id limit 1) c on true
        where s.ord = f.ord) else '[]'::json end
      ) order by f.ord), '[]')
    from facts f
    left join judged j on j.ord = f.ord
    left join holders h on h.run_id = f.run_id
    left join moved m on m.id = f.run_id
    left join lateral (select id, state, lease_epoch from runs where id = f.run_id limit 1) r on true),
  'nextDueAt', (select min(a.due_at) from asked a where a.run_id in (select id from moved)),
  'hints', json_build_object(
    'environmentIds', (select coalesce(json_agg(distinct environment_id), '[]') from gone),
    'agentIds', (select coalesce(json_agg(distinct agent_id), '[]') from queue_entries
      where agent_id is not null and environment_id = any(array(select environment_id from gone)))))::text`;

/**
 * Runs leave their slots until what they wait for is complete: the move `wait`, executing → waiting, for many runs.
 *
 * Shape: `ready` carries the results of a wait that was over before it began; `broken` names a point that is not there. Cost: one round trip.
 */
export const waitRuns = async (
  db: Database,
  agentId: string,
  requests: readonly WaitRequest[],
): Promise<WaitAnswer> => Answer.parse(await db.call(statement, [agentId, jsonbText(requests)]));
