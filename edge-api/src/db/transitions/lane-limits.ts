/*
 * What a lane and a counter of a named limit may run at once, as expressions over their rows. Lanes and counters carry
 * the result, since the claim reads only them; every statement that changes a limit writes both.
 */

/**
 * A lane's limit: the queue's own (an operator's word before the code's) within the environment's. Null when nothing is
 * declared and the environment has no burst: then the environment's own count is the only bound.
 * Names: `q` a row of queues, `s` the environment's row of environment_slots.
 */
export const laneMax = (q: string, s: string): string => `
  case when coalesce(${q}.concurrency_override, ${q}.concurrency_limit) is null and ${s}.running_max <= ${s}.concurrency_limit
    then null
    else least(coalesce(${q}.concurrency_override, ${q}.concurrency_limit), ${s}.concurrency_limit) end`;

/**
 * The limit of a counter: of all runs, or of one key (its own override while it lasts, else the limit's bound).
 * Names: `k` a row of limit_slots, `c` its row of concurrency_limits, `s` the environment's row of environment_slots.
 */
export const limitSlotMax = (k: string, c: string, s: string): string => `
  case when ${k}.is_total then ${boundMax(`coalesce(${c}.total_override, ${c}.total)`, s)}
    when ${k}.override_expires_at > (select app_now()) then ${boundMax(`${k}.override_max`, s)}
    else ${boundMax(`coalesce(${c}.per_key_override, ${c}.per_key)`, s)} end`;

/** A bound within the environment's limit; none stays none. */
export const boundMax = (bound: string, s: string): string =>
  `case when ${bound} is not null then least(${bound}, ${s}.concurrency_limit) end`;

/**
 * Writes a changed limit into its counters and lets lanes that stood aside for them be looked at again.
 * Needs `limits_changed`: rows of concurrency_limits. Gives `counters_changed(id, environment_id)`.
 * Order of locks: limits, counters, lanes, each by id.
 */
export const fitCounters = `
  counters_locked as (
    select k.id from limit_slots k
    where k.limit_id in (select id from limits_changed)
    order by k.id
    for update
  ),
  counters_changed as (
    update limit_slots k
    set running_max = ${limitSlotMax("k", "c", "s")}, paused = c.paused
    from limits_changed c join environment_slots s on s.environment_id = c.environment_id
    where k.id in (select id from counters_locked) and k.limit_id = c.id
    returning k.id, k.environment_id
  ),
  lanes_unblocked as (
    update lanes l set blocked_by = null where l.blocked_by in (select id from counters_changed)
  )`;
