import { z } from "zod";
import type { Database } from "../database.ts";
import { jsonbText } from "../jsonb-text.ts";
import { askedBy, hasLabels, laneMaxOf, placelessKeyOf } from "./lane-fragments.ts";
import { boundMax } from "./lane-limits.ts";

export type LaneRequest = {
  laneId: string;
  environmentId: string;
  queueId: string;
  concurrencyKey: string;
  limitsKey: string;
  /** Where its runs may execute: see placeOf. */
  place: string;
  limitNames: string[];
  gates: { queue: string; concurrencyKey: string | null }[];
  /** New ids: two for each limit, one for each gate. */
  slotIds: string[];
  gateLaneIds: string[];
  /** Another new id, for the lane without a place. */
  placelessLaneId: string;
};

const Answer = z.object({ missingLimits: z.array(z.string()), missingGates: z.array(z.string()) });

/*
 * A limit is counted in all, and, for a run with a concurrency key, for that key. A gate is the lane of another queue
 * with the same key (or one the trigger names): a run that passes it takes a slot of that lane beside its own. A lane with
 * a place has the one without as its gate, so that the queue's limit holds for all places together. A place with labels is
 * written down under the one of them that has the fewest, so that agents come across little that they cannot serve.
 *
 * Counters that are there are looked up and not locked: a claim locks them in its own order. One that somebody else makes
 * at this moment cannot be seen; then the lane is not made, and the caller comes again.
 */
const statement = `
with r as (
  select * from jsonb_to_record($1::jsonb) as r(
    "laneId" text, "environmentId" text, "queueId" text, "concurrencyKey" text, "limitsKey" text, "limitNames" jsonb,
    "place" text, "placelessLaneId" text, "gates" jsonb, "slotIds" jsonb, "gateLaneIds" jsonb)
),
names as (select distinct n.name from r, jsonb_array_elements_text(r."limitNames") as n(name)),
limits as (
  select l.*, row_number() over (order by l.name) - 1 as nth
  from names n join r on true join concurrency_limits l on l.environment_id = r."environmentId" and l.name = n.name
),
gates_named as (
  select g.value->>'queue' as name, coalesce(g.value->>'concurrencyKey', r."concurrencyKey") as concurrency_key,
    g.nth - 1 as nth
  from r, jsonb_array_elements(r."gates") with ordinality as g(value, nth)
),
gates as (
  select g.*, q.id as queue_id, q.paused
  from gates_named g join r on true join queues q on q.environment_id = r."environmentId" and q.name = g.name
),
is_whole as (
  select 1 where (select count(*) from limits) = (select count(*) from names)
    and (select count(*) from gates) = (select count(*) from gates_named)
),
slots_wanted as (
  select r."slotIds"->>(2 * l.nth)::int as id, l.id as limit_id, r."environmentId" as environment_id, true as is_total,
    '' as concurrency_key, ${boundMax("coalesce(l.total_override, l.total)", "s")} as running_max, l.paused
  from limits l cross join r join environment_slots s on s.environment_id = r."environmentId"
  union all
  select r."slotIds"->>(2 * l.nth + 1)::int, l.id, r."environmentId", false, r."concurrencyKey",
    ${boundMax("coalesce(l.per_key_override, l.per_key)", "s")}, l.paused
  from limits l cross join r join environment_slots s on s.environment_id = r."environmentId"
  where r."concurrencyKey" <> ''
),
slots_seen as (
  select s.id from slots_wanted w cross join lateral (
    select id from limit_slots
    where limit_id = w.limit_id and is_total = w.is_total and concurrency_key = w.concurrency_key limit 1
  ) s
),
slots_made as (
  insert into limit_slots (id, limit_id, environment_id, is_total, concurrency_key, running_max, paused)
  select id, limit_id, environment_id, is_total, concurrency_key, running_max, paused from slots_wanted w
  where exists (select from is_whole) and not exists (
    select from limit_slots
    where limit_id = w.limit_id and is_total = w.is_total and concurrency_key = w.concurrency_key)
  order by limit_id, is_total, concurrency_key
  on conflict (limit_id, is_total, concurrency_key) do nothing
  returning id
),
gates_wanted as (
  select distinct on (queue_id, concurrency_key) queue_id, concurrency_key, nth, paused from gates
  order by queue_id, concurrency_key, nth
),
gates_seen as (
  select l.id from gates_wanted w cross join lateral (
    select id from lanes where queue_id = w.queue_id and concurrency_key = w.concurrency_key and limits_key = '' limit 1
  ) l
),
gates_made as (
  insert into lanes (id, environment_id, queue_id, concurrency_key, running_max, paused)
  select r."gateLaneIds"->>w.nth::int, r."environmentId", w.queue_id, w.concurrency_key,
    ${laneMaxOf("w.queue_id", 'r."environmentId"')}, w.paused
  from gates_wanted w, r
  where exists (select from is_whole) and not exists (
    select from lanes where queue_id = w.queue_id and concurrency_key = w.concurrency_key and limits_key = '')
  order by w.queue_id, w.concurrency_key
  on conflict (queue_id, concurrency_key, limits_key) do nothing
  returning id
),
counters as (
  select id from slots_seen union select id from slots_made union select id from gates_seen union select id from gates_made
),
has_counters as (
  select 1 where exists (select from is_whole)
    and (select count(*) from counters) = (select count(*) from slots_wanted) + (select count(*) from gates_wanted)
),
placeless_wanted as (
  select r.*, ${placelessKeyOf('r."limitsKey"', 'r."place"')} as limits_key from r where r."place" <> ''
),
placeless_seen as (
  select l.id from placeless_wanted w cross join lateral (
    select id from lanes
    where queue_id = w."queueId" and concurrency_key = w."concurrencyKey" and limits_key = w.limits_key limit 1
  ) l
),
placeless_made as (
  insert into lanes (id, environment_id, queue_id, concurrency_key, limits_key, running_max, paused, counter_ids)
  select w."placelessLaneId", w."environmentId", w."queueId", w."concurrencyKey", w.limits_key,
    ${laneMaxOf('w."queueId"', 'w."environmentId"')}, (select paused from queues where id = w."queueId"),
    nullif(array(select id from counters order by id), '{}')
  from placeless_wanted w
  where exists (select from has_counters) and not exists (select from placeless_seen)
  on conflict (queue_id, concurrency_key, limits_key) do nothing
  returning id
),
placeless as (select id from placeless_seen union select id from placeless_made),
is_ready as (
  select 1 where exists (select from has_counters)
    and (select count(*) from placeless) = (select count(*) from placeless_wanted)
),
place_asked as (
  select e.pool_id, r."place" as place, ${askedBy('r."place"')} as labels
  from r join environments e on e.id = r."environmentId"
  where ${hasLabels('r."place"')} and exists (select from is_whole)
),
place_known as (
  insert into lane_places (pool_id, place, label, labels)
  select a.pool_id, a.place, l.label, a.labels
  from place_asked a cross join lateral (
    select n.name || '=' || n.value as label
    from jsonb_each_text(a.labels) as n(name, value)
    order by (
      select count(*) from (
        select from lane_places where pool_id = a.pool_id and label = n.name || '=' || n.value limit 1000) c), 1
    limit 1
  ) l
  where not exists (
    select from jsonb_each_text(a.labels) as n(name, value) cross join lateral (
      select from lane_places where pool_id = a.pool_id and label = n.name || '=' || n.value and place = a.place limit 1
    ) k)
  on conflict (pool_id, label, place) do nothing
),
opened as (
  insert into lanes (id, environment_id, queue_id, concurrency_key, limits_key, region, running_max, paused, counter_ids)
  select r."laneId", r."environmentId", r."queueId", r."concurrencyKey", r."limitsKey", r."place",
    ${laneMaxOf('r."queueId"', 'r."environmentId"')}, (select paused from queues where id = r."queueId"),
    array(select id from counters union select id from placeless order by id)
  from r
  where exists (select from is_ready)
  on conflict (queue_id, concurrency_key, limits_key) do nothing
)
select json_build_object(
  'missingLimits', (select coalesce(json_agg(name), '[]') from names where name not in (select name from limits)),
  'missingGates', (select coalesce(json_agg(name), '[]') from gates_named where name not in (select name from gates))
)::text`;

/**
 * Makes the lane of runs that ask for a region or labels, or pass named limits or gates, with the counters that they share.
 *
 * Shape: what was named and is not there; then nothing was made. Nor was it, perhaps, when somebody else made one of its
 * counters at the same moment: the trigger, sent again, tells. Cost: one round trip, the first time such a run comes.
 */
export const openLane = async (db: Database, request: LaneRequest): Promise<z.infer<typeof Answer>> =>
  Answer.parse(await db.call(statement, [jsonbText(request)]));
