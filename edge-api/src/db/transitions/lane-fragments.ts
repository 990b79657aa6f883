import { laneMax } from "./lane-limits.ts";

/*
 * Pieces of SQL about lanes that several statements share. A lane is (queue, concurrency key, place, limits): runs that
 * pass the same named limits and gates share one, so that it can stand aside as a whole while a limit has no room; and
 * runs of one place, so that the claim of an agent elsewhere never comes across them. The place of a lane is in its
 * column `region`.
 */

/** The limits of a run: that of its own task (`task/<slug>`, always the first), then those of the trigger or of the task. */
export const limitNamesOf = (item: string, task: string): string => `
  case when ${item}."limits" is null then coalesce(${task}.limit_names, '{}')
    when ${task}.limit_names[1] like 'task/%' then ${task}.limit_names[1:1] || ${item}."limits"
    else ${item}."limits" end`;

/** The labels of a run, null for none: those of its task, and in their place, name by name, what the trigger asks for. */
export const labelsOf = (labels: string, task: string): string => `
  case when ${labels} is null then ${task}.labels else coalesce(${task}.labels, '{}') || ${labels} end`;

/** What parts the region of a place from its labels: no region's name holds it, nor does JSON as Postgres writes it. */
const tab = "chr(9)";

/**
 * Where a run may be placed, as one text: empty for anywhere, a region, or a region (perhaps none) and labels. The same labels
 * are the same text, since Postgres writes the names of a jsonb in one order. A developer's own agent serves every place.
 */
export const placeOf = (region: string, labels: string, environment: string): string =>
  `case when ${environment}.type = 'development' then '' when ${labels} is null then coalesce(${region}, '')
    else coalesce(${region}, '') || ${tab} || (${labels})::text end`;

/** Whether a place asks for labels beside a region. */
export const hasLabels = (place: string): string => `strpos(${place}, ${tab}) > 0`;

/** The region of a place; empty for none. */
export const regionOf = (place: string): string => `split_part(${place}, ${tab}, 1)`;

/** The labels of a place that has some. */
export const labelsIn = (place: string): string => `substr(${place}, strpos(${place}, ${tab}) + 1)::jsonb`;

/** All that a place asks an agent's labels for, the region among it. */
export const askedBy = (place: string): string => `(
  case when ${regionOf(place)} = '' then '{}'::jsonb else jsonb_build_object('region', ${regionOf(place)}) end
  || case when ${hasLabels(place)} then ${labelsIn(place)} else '{}' end)`;

/**
 * Places that an agent serves: those without a place, its region, and what asks for labels that it has.
 * Shape: `agent` is a row with `pool_id`, `region` and `labels`; answers a query of `region`. Cost: an index probe for each label.
 */
export const placesOf = (agent: string): string => `
  select '' as region
  union all
  select region from ${agent} where region <> ''
  union all
  select p.place from ${agent} a cross join lateral jsonb_each_text(a.labels) as l(name, value) cross join lateral (
    select place from lane_places
    where pool_id = a.pool_id and label = l.name || '=' || l.value and labels <@ a.labels
    offset 0
  ) p`;

/** Before the rest of the key; no limit's name and no list of gates begins like it. */
const placeKeyOf = (place: string): string => `'@' || ${place} || chr(10)`;

/** What tells lanes of one queue and key apart. Needs `gatesKey` of the item. */
export const limitsKeyOf = (item: string, limitNames: string, place: string): string => `
  case when ${place} <> '' then ${placeKeyOf(place)} else '' end
    || array_to_string(${limitNames}, ',') || coalesce('|' || ${item}."gatesKey", '')`;

/** The key of the lane without a place that one with a place counts in. */
export const placelessKeyOf = (limitsKey: string, place: string): string => `
  case when ${place} <> '' then substr(${limitsKey}, length(${placeKeyOf(place)}) + 1) else ${limitsKey} end`;

/**
 * Lanes that stand aside for a counter and may be looked at again: those that have waited longest, as many in each
 * place, since nobody may be there to take those of one.
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
 * Whether the pool of `agent` has work in places that it does not serve.
 * Shape: `agent` is a row with `pool_id`, `places` a list of `region`. Cost: a probe of an index for each environment of the pool with room.
 */
export const hasWorkElsewhere = (agent: string, places: string): string => `exists (
  select from environment_slots s cross join lateral (
    select from lanes
    where environment_id = s.environment_id and region > '' and region <> all(array(select region from ${places}))
      and blocked_by is null and ${isRoomy}
    limit 1
  ) o
  where s.pool_id = (select pool_id from ${agent}) and not s.paused and s.running < s.running_max)`;

/** The limit of a new lane: see laneMax. */
export const laneMaxOf = (queueId: string, environmentId: string): string => `(
  select ${laneMax("q", "s")}
  from queues q join environment_slots s on s.environment_id = ${environmentId}
  where q.id = ${queueId})`;

/** An agent that was not heard for so long may be gone: nothing is kept free for what it would go on with. Beats are far closer. */
const heardWithin = "1 minute";

/**
 * Slots that new work leaves free: those of runs which go on at other agents that are heard.
 * Needs `envs(environment_id)`, `agent(id)`. Gives `kept(id, count)`: of an environment, a lane, or a counter of one.
 */
export const keptSlots = (now: string): string => `
going_on as (
  select q.environment_id, q.lane_id, l.counter_ids, count(*)::int as count
  from queue_entries q cross join lateral (select id, counter_ids from lanes where id = q.lane_id limit 1) l
  where q.environment_id = any(array(select environment_id from envs))
    and q.agent_id is not null and q.agent_id <> (select id from agent)
    and exists (select from agents a where a.id = q.agent_id and a.beat_at > ${now} - interval '${heardWithin}')
  group by q.environment_id, q.lane_id, l.counter_ids
),
kept as (
  select id, sum(count)::int as count
  from (
    select environment_id as id, count from going_on
    union all
    select lane_id, count from going_on
    union all
    select c.id, g.count from going_on g cross join lateral unnest(g.counter_ids) as c(id)
  ) k group by id
)`;
