import { z } from "zod";
import type { Database } from "../database.ts";
import { laneMax, limitSlotMax } from "./lane-limits.ts";

const EnvironmentRow = z.object({
  limit: z.int(),
  burstFactor: z.number(),
  runningMax: z.int(),
  running: z.int(),
  paused: z.boolean(),
});
export type EnvironmentRow = z.infer<typeof EnvironmentRow>;

const rowJson = `json_build_object('limit', s.concurrency_limit, 'burstFactor', s.burst_factor,
  'runningMax', s.running_max, 'running', s.running, 'paused', s.paused)`;

const statement = `
with changed as (
  update environment_slots s
  set concurrency_limit = coalesce($2::int, s.concurrency_limit),
      burst_factor = coalesce($3::float8, s.burst_factor),
      running_max = floor(coalesce($2::int, s.concurrency_limit) * coalesce($3::float8, s.burst_factor))::int,
      paused = coalesce($4::boolean, s.paused)
  where s.environment_id = $1
  returning s.*
),
limits as (select * from changed where $2::int is not null or $3::float8 is not null),
lanes_locked as (
  select l.id from lanes l where l.environment_id in (select environment_id from limits) order by l.id for update
),
lanes_changed as (
  update lanes l set running_max = ${laneMax("q", "s")}, blocked_by = null
  from limits s join queues q on q.environment_id = s.environment_id
  where l.queue_id = q.id and l.id in (select id from lanes_locked)
    and (l.blocked_by is not null or l.running_max is distinct from ${laneMax("q", "s")})
),
counters_changed as (
  update limit_slots k set running_max = ${limitSlotMax("k", "c", "s")}
  from limits s join concurrency_limits c on c.environment_id = s.environment_id
  where k.limit_id = c.id and k.running_max is distinct from ${limitSlotMax("k", "c", "s")}
)
select coalesce((select ${rowJson} from changed s), 'null'::json)::text`;

/**
 * Pauses or resumes an environment, or changes how much it runs at once; every lane and counter follows.
 * Errors: null when there is no such environment. Cost: one round trip that touches each lane whose limit changes.
 */
export const changeEnvironment = async (
  db: Database,
  environmentId: string,
  change: { limit?: number; burstFactor?: number; paused?: boolean },
): Promise<EnvironmentRow | null> =>
  EnvironmentRow.nullable().parse(
    await db.call(statement, [
      environmentId,
      change.limit ?? null,
      change.burstFactor ?? null,
      change.paused ?? null,
    ]),
  );

const readStatement = `
select coalesce((select ${rowJson} from environment_slots s where s.environment_id = $1), 'null'::json)::text`;

/** What an environment runs at once; null when there is no such environment. */
export const readEnvironmentSlots = async (
  db: Database,
  environmentId: string,
): Promise<EnvironmentRow | null> =>
  EnvironmentRow.nullable().parse(await db.call(readStatement, [environmentId]));
