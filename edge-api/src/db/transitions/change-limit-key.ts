import type { Database } from "../database.ts";
import { LimitKeyRow, limitKeyJson } from "../queries/list-limits.ts";
import { boundMax } from "./lane-limits.ts";

const setStatement = `
with limit_row as (
  select c.*, s.concurrency_limit
  from concurrency_limits c join environment_slots s on s.environment_id = c.environment_id
  where c.environment_id = $1 and c.name = $2
),
counter as (
  insert into limit_slots (id, limit_id, environment_id, is_total, concurrency_key, running_max, override_max,
    override_expires_at, paused)
  select $4, c.id, c.environment_id, false, $3, ${boundMax("$5::int", "c")}, $5::int,
    (select app_now()) + $6::float8 * interval '1 millisecond', c.paused
  from limit_row c
  on conflict (limit_id, is_total, concurrency_key) do update
    set running_max = excluded.running_max, override_max = excluded.override_max,
        override_expires_at = excluded.override_expires_at, paused = excluded.paused
  returning *
),
lanes_unblocked as (
  update lanes l set blocked_by = null where l.blocked_by in (select id from counter)
)
select coalesce((
  select ${limitKeyJson("c", "c", "k", "$3")} from limit_row c join counter k on k.limit_id = c.id
), 'null'::json)::text`;

/**
 * Gives one key a bound of its own for a while. Units: `ttlMs` in milliseconds.
 * Errors: null when the environment has no such limit. Cost: one round trip.
 */
export const overrideLimitKey = async (
  db: Database,
  limit: { environmentId: string; name: string; concurrencyKey: string },
  override: { slotId: string; max: number; ttlMs: number },
): Promise<LimitKeyRow | null> =>
  LimitKeyRow.nullable().parse(
    await db.call(setStatement, [
      limit.environmentId,
      limit.name,
      limit.concurrencyKey,
      override.slotId,
      override.max,
      override.ttlMs,
    ]),
  );

const resetStatement = `
with limit_row as (
  select c.* from concurrency_limits c where c.environment_id = $1 and c.name = $2
),
place as (
  select s.* from environment_slots s join limit_row c on c.environment_id = s.environment_id
),
counter as (
  update limit_slots k
  set override_max = null, override_expires_at = null,
      running_max = ${boundMax("coalesce(c.per_key_override, c.per_key)", "s")}
  from limit_row c, place s
  where k.limit_id = c.id and not k.is_total and k.concurrency_key = $3
  returning k.*
),
lanes_unblocked as (
  update lanes l set blocked_by = null where l.blocked_by in (select id from counter)
)
select coalesce((
  select ${limitKeyJson("c", "s", "k", "$3")}
  from limit_row c cross join place s left join counter k on k.limit_id = c.id), 'null'::json)::text`;

/** Takes a key's own bound away. Errors: null when the environment has no such limit. Cost: one round trip. */
export const resetLimitKey = async (
  db: Database,
  limit: { environmentId: string; name: string; concurrencyKey: string },
): Promise<LimitKeyRow | null> =>
  LimitKeyRow.nullable().parse(
    await db.call(resetStatement, [limit.environmentId, limit.name, limit.concurrencyKey]),
  );
