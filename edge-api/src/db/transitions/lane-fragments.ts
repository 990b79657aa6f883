import { laneMax } from "./lane-limits.ts";

/*
 * Pieces of SQL about lanes that several statements share. A lane is (queue, concurrency key, region, limits): runs that
 * pass the same named limits and gates share one, so that it can stand aside as a whole while a limit has no room; and
 * runs of one region, so that the claim of an agent elsewhere never comes across them.
 */

/** The limits of a run: that of its own task (`task/<slug>`, always the first), then those of the trigger or of the task. */
export const limitNamesOf = (item: string, task: string): string => `
  case when ${item}."limits" is null then coalesce(${task}.limit_names, '{}')
    when ${task}.limit_names[1] like 'task/%' then ${task}.limit_names[1:1] || ${item}."limits"
    else ${item}."limits" end`;

/** Where a run may be placed: anywhere, for the empty one. A developer's own agent serves every region. */
export const placeOf = (region: string, environment: string): string =>
  `case when ${environment}.type = 'development' then '' else coalesce(${region}, '') end`;

/** Before the rest of the key; no limit's name and no list of gates begins like it. */
const placeKeyOf = (region: string): string => `'@' || ${region} || chr(10)`;

/** What tells lanes of one queue and key apart. Needs `gatesKey` of the item. */
export const limitsKeyOf = (item: string, limitNames: string, region: string): string => `
  case when ${region} <> '' then ${placeKeyOf(region)} else '' end
    || array_to_string(${limitNames}, ',') || coalesce('|' || ${item}."gatesKey", '')`;

/** The key of the lane without a region that one with a region counts in. */
export const placelessKeyOf = (limitsKey: string, region: string): string => `
  case when ${region} <> '' then substr(${limitsKey}, length(${placeKeyOf(region)}) + 1) else ${limitsKey} end`;

/**
 * Lanes that stand aside for a counter and may be looked at again: those that have waited longest, as many in each
 * region, since nobody may be there to take those of one.
 * Needs `rooms`: a list with `id`. Names: `c` its row, in `count`. `only`: a condition on lanes.
 */
export const lanesToCall = (rooms: string, count: string, only = "true"): string => `
  select b.id from ${rooms} c cross join lateral (
    with recursive regions as (
      (select region from lanes where blocked_by = c.id order by region limit 1)
      union all
      select (select region from lanes where blocked_by = c.id and region > g.region order by region limit 1)
      from regions g where g.region is not null
    )
    select l.id from regions g cross join lateral (
      select id from lanes where blocked_by = c.id and region = g.region and ${only} order by turn_at limit ${count}
    ) l
  ) b`;

/** A lane with work and room of its own, as far as its row tells. */
export const isRoomy = "has_work and not paused and (running_max is null or running < running_max)";

/**
 * Whether the pool of `agent` has work in regions that are not its own.
 * Shape: `agent` is a row with `pool_id` and `region`. Cost: a probe of an index for each environment of the pool with room.
 */
export const hasWorkElsewhere = (agent: string): string => `exists (
  select from environment_slots s cross join lateral (
    select from lanes
    where environment_id = s.environment_id and region > '' and region is distinct from (select region from ${agent})
      and blocked_by is null and ${isRoomy}
    limit 1
  ) o
  where s.pool_id = (select pool_id from ${agent}) and not s.paused and s.running < s.running_max)`;

/** The limit of a new lane: see laneMax. */
export const laneMaxOf = (queueId: string, environmentId: string): string => `(
  select ${laneMax("q", "s")}
  from queues q join environment_slots s on s.environment_id = ${environmentId}
  where q.id = ${queueId})`;
