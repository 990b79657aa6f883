import { laneMax } from "./lane-limits.ts";

/*
 * Pieces of SQL about lanes that several statements share. A lane is (queue, concurrency key, limits): runs that pass the
 * same named limits and gates share one, so that it can stand aside as a whole while a limit has no room.
 */

/** The limits of a run: that of its own task (`task/<slug>`, always the first), then those of the trigger or of the task. */
export const limitNamesOf = (item: string, task: string): string => `
  case when ${item}."limits" is null then coalesce(${task}.limit_names, '{}')
    when ${task}.limit_names[1] like 'task/%' then ${task}.limit_names[1:1] || ${item}."limits"
    else ${item}."limits" end`;

/** What tells lanes of one queue and key apart. Needs `gatesKey` of the item. */
export const limitsKeyOf = (item: string, limitNames: string): string => `
  array_to_string(${limitNames}, ',') || coalesce('|' || ${item}."gatesKey", '')`;

/** The limit of a new lane: see laneMax. */
export const laneMaxOf = (queueId: string, environmentId: string): string => `(
  select ${laneMax("q", "s")}
  from queues q join environment_slots s on s.environment_id = ${environmentId}
  where q.id = ${queueId})`;
