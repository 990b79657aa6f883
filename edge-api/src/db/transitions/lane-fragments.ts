/*
 * Pieces of SQL about lanes that several statements share. A lane is (queue, concurrency key, limits): runs that pass the
 * same named limits and gates share one, so that it can stand aside as a whole while a limit has no room.
 */

/** The limits of a run: those of its own task (`task/<slug>`), then the named ones of the trigger or of the task. */
export const limitNamesOf = (item: string, task: string): string => `
  case when jsonb_typeof(${item}."limits") = 'array'
    then array(select n from unnest(${task}.limit_names) n where n like 'task/%')
      || array(select jsonb_array_elements_text(${item}."limits"))
    else coalesce(${task}.limit_names, '{}') end`;

/** What tells lanes of one queue and key apart. Needs `limit_names`, `gates` and `concurrencyKey` of the item. */
export const limitsKeyOf = (item: string): string => `
  case when ${item}.limit_names = '{}' and coalesce(jsonb_typeof(${item}."gates"), 'null') <> 'array' then ''
    else array_to_string(array(select distinct n from unnest(${item}.limit_names) n order by n), ',')
      || case when jsonb_typeof(${item}."gates") = 'array' then '|' || (${item}."gates")::text else '' end end`;

/** How many runs of a queue's lane may hold a lease: its limit, an operator's override, never more than the environment's. */
export const laneMaxOf = (queueId: string, environmentId: string): string => `(
  select least(coalesce(q.concurrency_override, q.concurrency_limit, s.concurrency_limit), s.concurrency_limit)
  from queues q join environment_slots s on s.environment_id = ${environmentId}
  where q.id = ${queueId})`;
