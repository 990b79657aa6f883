import { z } from "zod";
import type { Database } from "../database.ts";
import { jsonbText } from "../jsonb-text.ts";
import { type Fence, FencedResult } from "./move-result.ts";

const statement = `
with facts as (
  select row_number() over () as ord, f."runId" as run_id, f.epoch
  from jsonb_to_recordset($2::jsonb) as f("runId" text, epoch int)
),
begun as (
  update leases l set phase = 'executing', acked = true
  from facts f
  where l.run_id = f.run_id and l.epoch = f.epoch and l.agent_id = $1 and l.phase = 'leased'
  returning l.run_id, l.leased_at
),
moved as (
  update runs r
  set state = 'executing', attempt = r.attempt + 1, started_at = coalesce(r.started_at, (select app_now())), reason = null,
      updated_at = (select app_now())
  from begun b
  where r.id = b.run_id and r.state = 'leased'
  returning r.id, r.attempt, r.deployment_id, b.leased_at
),
attempted as (
  insert into attempts (run_id, number, status, agent_id, deployment_id, leased_at, started_at)
  select id, attempt, 'executing', $1, deployment_id, leased_at, (select app_now()) from moved
  on conflict do nothing
),
logged as (
  insert into run_events (run_id, at, kind, from_state, to_state, attempt, agent_id)
  select id, (select app_now()), 'start', 'leased', 'executing', attempt, $1 from moved
)
select coalesce(json_agg(json_build_object('ord', f.ord, 'kind', case
  when m.id is not null then 'moved'
  when l.run_id is not null then 'repeated'
  when r.id is null then 'missing'
  else 'refused' end) order by f.ord), '[]')::text
from facts f
left join moved m on m.id = f.run_id
left join lateral (select id from runs where id = f.run_id limit 1) r on true
left join lateral (select * from leases where run_id = f.run_id limit 1) l
  on l.epoch = f.epoch and l.agent_id = $1 and l.phase = 'executing'`;

/** An agent's executors have begun: the move `start`, leased → executing, for many runs. Cost: one round trip. */
export const startRuns = async (
  db: Database,
  agentId: string,
  facts: readonly Fence[],
): Promise<FencedResult[]> =>
  z.array(FencedResult).parse(await db.call(statement, [agentId, jsonbText(facts)]));
