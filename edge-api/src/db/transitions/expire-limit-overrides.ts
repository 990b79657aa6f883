import { z } from "zod";
import type { Database } from "../database.ts";
import { boundMax } from "./lane-limits.ts";

const Answer = z.object({ environmentIds: z.array(z.string()) });

const statement = `
with due as (
  select id from limit_slots where override_expires_at <= (select app_now()) order by id limit 500 for update skip locked
),
reset as (
  update limit_slots k
  set override_max = null, override_expires_at = null,
      running_max = ${boundMax("coalesce(c.per_key_override, c.per_key)", "s")}
  from concurrency_limits c join environment_slots s on s.environment_id = c.environment_id
  where k.id in (select id from due) and c.id = k.limit_id
  returning k.id, k.environment_id
),
lanes_unblocked as (
  update lanes l set blocked_by = null where l.blocked_by in (select id from reset)
)
select json_build_object(
  'environmentIds', (select coalesce(json_agg(distinct environment_id), '[]') from reset))::text`;

/** Ends the bounds that keys had for a while only, up to 500. Shape: environments where room may have grown. */
export const expireLimitOverrides = async (db: Database): Promise<z.infer<typeof Answer>> =>
  Answer.parse(await db.call(statement, []));
