import { z } from "zod";
import type { Database } from "../database.ts";
import { askedBy, hasLabels, isRoomy, labelsIn, regionOf } from "../transitions/lane-fragments.ts";
import { cpuOf, memoryMbOf } from "../transitions/machine-fragments.ts";

const figures = {
  ...{ slots: z.int(), free: z.int(), queued: z.int(), cpus: z.number(), memoryMb: z.number() },
  oldestQueuedS: z.number().nullable(),
};

const Scale = z.object({
  poolId: z.string(),
  slots: z.int(),
  free: z.int(),
  running: z.int(),
  queued: z.int(),
  agents: z.object({ online: z.int(), draining: z.int() }),
  oldestQueuedS: z.number().nullable(),
  regions: z.array(z.object({ region: z.string().nullable(), ...figures })),
  labelled: z.array(
    z.object({ region: z.string().nullable(), labels: z.record(z.string(), z.string()), ...figures }),
  ),
});

const isOpen = `environment_id = s.environment_id and blocked_by is null and ${isRoomy}`;

/*
 * Runs that could start: in each environment with room and each place, those of its open lanes, up to the room of each
 * lane and of the environment, and never more than `max`: a backlog of a million is not counted through, blocked lanes
 * are not looked at. All places of an environment share its room. What an agent with labels offers counts for
 * its region, and for each place that asks for labels which it has.
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
  select s.environment_id, s.running_max - s.running as room, g.region as place, q.position_at, q.machine
  from slots s cross join lateral (
    with recursive regions as (
      (select region from lanes where ${isOpen} order by region limit 1)
      union all
      select (select region from lanes where ${isOpen} and region > g.region order by region limit 1)
      from regions g where g.region is not null
    )
    select region from regions where region is not null limit 1000
  ) g cross join lateral (
    select e.position_at, e.machine from (
      select id, running, running_max from lanes
      where ${isOpen} and region = g.region
      order by turn_at
      limit $3::int
    ) l cross join lateral (
      select position_at, machine from queue_entries
      where lane_id = l.id and agent_id is null
      order by position_at, run_id
      limit least($3::int, coalesce(l.running_max - l.running, $3::int))
    ) e
    limit least($3::int, greatest(0, s.running_max - s.running))
  ) q
  where not s.paused
),
queued as (
  select least($3::int, coalesce(sum(n.count), 0)) as count
  from (select least(count(*), max(room)) as count from startable group by environment_id) n
),
asked as (
  select place, least($3::int, count(*)) as queued, sum(${cpuOf("machine")}) as cpus, sum(${memoryMbOf("machine")}) as memory_mb,
    extract(epoch from (select app_now()) - min(position_at)) as oldest_s
  from startable group by place
),
plain as (select place as region, asked.* from asked where not ${hasLabels("place")}),
labelled as (
  select a.*, nullif(${regionOf("a.place")}, '') as region, ${labelsIn("a.place")} as labels, o.slots, o.free
  from asked a cross join lateral (
    select coalesce(sum(t.slots), 0) as slots, coalesce(sum(greatest(0, t.slots - t.used)), 0) as free
    from takers t where ${askedBy("a.place")} <@ t.labels
  ) o
  where ${hasLabels("a.place")}
),
offered as (
  select coalesce(labels->>'region', '') as region, sum(slots) as slots, sum(greatest(0, slots - used)) as free
  from takers group by 1
)
select json_build_object(
  'poolId', (select id from pool),
  'slots', (select coalesce(sum(slots), 0) from takers),
  'free', (select coalesce(sum(greatest(0, slots - used)), 0) from takers),
  'running', (select coalesce(sum(running), 0) from slots),
  'queued', (select count from queued),
  'agents', (select json_build_object('online', count(*) filter (where is_online),
    'draining', count(*) filter (where is_online and (draining or drains_itself))) from members),
  'oldestQueuedS', (select extract(epoch from (select app_now()) - min(position_at)) from startable),
  'regions', (
    select coalesce(json_agg(json_build_object('region', nullif(region, ''), 'slots', coalesce(o.slots, 0),
      'free', coalesce(o.free, 0), 'queued', coalesce(a.queued, 0), 'cpus', coalesce(a.cpus, 0),
      'memoryMb', coalesce(a.memory_mb, 0), 'oldestQueuedS', a.oldest_s) order by region), '[]')
    from plain a full join offered o using (region)),
  'labelled', (
    select coalesce(json_agg(json_build_object('region', region, 'labels', labels, 'slots', slots, 'free', free,
      'queued', queued, 'cpus', cpus, 'memoryMb', memory_mb, 'oldestQueuedS', oldest_s) order by place), '[]')
    from labelled))::text`;

/** Who could take runs in a pool, and how many there are for them, counted up to `queuedMax`. Cost: one round trip. */
export const readScale = async (
  db: Database,
  where: { environmentId: string; onlineMs: number; queuedMax: number },
): Promise<z.infer<typeof Scale>> =>
  Scale.parse(await db.call(statement, [where.environmentId, where.onlineMs, where.queuedMax]));
