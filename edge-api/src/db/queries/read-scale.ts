import { z } from "zod";
import type { Database } from "../database.ts";

const Scale = z.object({
  poolId: z.string(),
  slots: z.int(),
  free: z.int(),
  running: z.int(),
  queued: z.int(),
  agents: z.object({ online: z.int(), draining: z.int() }),
  oldestQueuedS: z.number().nullable(),
});

/*
 * Runs that could start: in each environment with room, those of its open lanes, up to the room of each lane and of the
 * environment, and never more than `max`: a backlog of a million is not counted through, blocked lanes are not looked at.
 */
const statement = `
with pool as (select pool_id as id from environments where id = $1),
members as (
  select a.*, a.beat_at > (select app_now()) - $2 * interval '1 millisecond' as is_online,
    (select count(*) from leases l where l.agent_id = a.id) as used
  from agents a where a.pool_id = (select id from pool) and a.revoked_at is null
),
takers as (select * from members where is_online and not draining and not drains_itself and held_back is null),
slots as (select * from environment_slots where pool_id = (select id from pool)),
startable as (
  select q.position_at from slots s cross join lateral (
    select e.position_at from (
      select id, running, running_max from lanes
      where environment_id = s.environment_id
        and has_work and not paused and blocked_by is null and (running_max is null or running < running_max)
      order by turn_at
      limit $3::int
    ) l cross join lateral (
      select position_at from queue_entries
      where lane_id = l.id and agent_id is null
      order by position_at, run_id
      limit least($3::int, coalesce(l.running_max - l.running, $3::int))
    ) e
    limit least($3::int, greatest(0, s.running_max - s.running))
  ) q
  where not s.paused
  limit $3::int
)
select json_build_object(
  'poolId', (select id from pool),
  'slots', (select coalesce(sum(slots), 0) from takers),
  'free', (select coalesce(sum(greatest(0, slots - used)), 0) from takers),
  'running', (select coalesce(sum(running), 0) from slots),
  'queued', (select count(*) from startable),
  'agents', (select json_build_object('online', count(*) filter (where is_online),
    'draining', count(*) filter (where is_online and (draining or drains_itself))) from members),
  'oldestQueuedS', (select extract(epoch from (select app_now()) - min(position_at)) from startable))::text`;

/** Who could take runs in a pool, and how many there are for them, counted up to `queuedMax`. Cost: one round trip. */
export const readScale = async (
  db: Database,
  where: { environmentId: string; onlineMs: number; queuedMax: number },
): Promise<z.infer<typeof Scale>> =>
  Scale.parse(await db.call(statement, [where.environmentId, where.onlineMs, where.queuedMax]));
