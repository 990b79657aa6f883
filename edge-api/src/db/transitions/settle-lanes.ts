import { z } from "zod";
import type { Database } from "../database.ts";
import { lanesToCall } from "./lane-fragments.ts";

const Answer = z.object({ environmentIds: z.array(z.string()) });

const statement = `
with recursive blocking as (
  (select blocked_by as id from lanes where $1::text[] is null and blocked_by is not null order by blocked_by limit 1)
  union all
  select (select blocked_by from lanes where blocked_by > b.id order by blocked_by limit 1) from blocking b where b.id is not null
),
roomy as (
  select b.blocked_by as id
  from (
    select id as blocked_by from blocking where id is not null
    union
    select blocked_by from lanes where id = any($1::text[]) and blocked_by is not null
  ) b
  left join lateral (select * from limit_slots where id = b.blocked_by limit 1) s on true
  left join lateral (select paused, running, running_max from lanes where id = b.blocked_by limit 1) g on true
  where not coalesce(s.paused, g.paused, false)
    and coalesce(s.running, g.running, 0) < coalesce(
      case when s.override_expires_at is null or s.override_expires_at > (select app_now()) then s.override_max end,
      s.running_max, g.running_max, 2147483647)
),
looked_at as (
  select id from lanes where id = any($1::text[])
  union
  select id from lanes
  where $1::text[] is null and not has_work and turn_at > (select app_now()) - interval '10 minutes'
  union
  ${lanesToCall("roomy", "16", "($1::text[] is null or id = any($1::text[]))")}
),
reopened as (
  update lanes l
  set has_work = true, blocked_by = case when l.blocked_by in (select id from roomy) then null else l.blocked_by end
  where l.id = any(array(select id from looked_at))
    and (not l.has_work or l.blocked_by in (select id from roomy))
    and exists (select from queue_entries q where q.lane_id = l.id and q.agent_id is null)
  returning l.environment_id
)
select json_build_object('environmentIds', (select coalesce(json_agg(distinct environment_id), '[]') from reopened))::text`;

/**
 * Reopens lanes that were closed as empty while a trigger was putting a run into them, and calls back lanes that stood
 * aside while a slot of their limit came free: neither statement can see the other, so the one that closed a lane looks
 * again afterwards. `null` looks at every lane that was used lately.
 *
 * Shape: the environments that have work after all. Cost: one round trip.
 */
export const settleLanes = async (
  db: Database,
  laneIds: readonly string[] | null,
): Promise<z.infer<typeof Answer>> => Answer.parse(await db.call(statement, [laneIds]));
