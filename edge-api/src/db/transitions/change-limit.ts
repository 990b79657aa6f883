import type { Database } from "../database.ts";
import { LimitRow, limitJson } from "../queries/list-limits.ts";
import { fitCounters } from "./lane-limits.ts";

/** A bound that is left out stays as it is; null takes the override away. */
export type LimitChange = { perKey?: number | null; total?: number | null; paused?: boolean };

const statement = `
with limits_changed as (
  update concurrency_limits c
  set per_key_override = case when $3::boolean then $4::int else c.per_key_override end,
      per_key_overridden_at = case when not $3::boolean then c.per_key_overridden_at
        when $4::int is not null then (select app_now()) end,
      total_override = case when $5::boolean then $6::int else c.total_override end,
      total_overridden_at = case when not $5::boolean then c.total_overridden_at
        when $6::int is not null then (select app_now()) end,
      paused = coalesce($7::boolean, c.paused),
      changed_at = (select app_now())
  where c.environment_id = $1 and c.name = $2
  returning c.*
),
${fitCounters}
select coalesce((
  select ${limitJson("c", "s")}
  from limits_changed c join environment_slots s on s.environment_id = c.environment_id), 'null'::json)::text`;

/**
 * Overrides, resets, pauses or resumes a named limit, and all of its counters with it.
 * Errors: null when the environment has no such limit. Cost: one round trip.
 */
export const changeLimit = async (
  db: Database,
  limit: { environmentId: string; name: string },
  change: LimitChange,
): Promise<LimitRow | null> =>
  LimitRow.nullable().parse(
    await db.call(statement, [
      limit.environmentId,
      limit.name,
      change.perKey !== undefined,
      change.perKey ?? null,
      change.total !== undefined,
      change.total ?? null,
      change.paused ?? null,
    ]),
  );
