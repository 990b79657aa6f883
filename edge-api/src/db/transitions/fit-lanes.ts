import { z } from "zod";
import type { Database } from "../database.ts";
import { laneMax, limitSlotMax } from "./lane-limits.ts";

const Answer = z.object({ environmentIds: z.array(z.string()) });

const statement = `
with counters_changed as (
  update limit_slots k set running_max = ${limitSlotMax("k", "c", "s")}, paused = c.paused
  from concurrency_limits c join environment_slots s on s.environment_id = c.environment_id
  where c.changed_at > (select app_now()) - interval '10 minutes' and k.limit_id = c.id
    and (k.paused <> c.paused or k.running_max is distinct from ${limitSlotMax("k", "c", "s")})
  returning k.id, k.environment_id
),
lanes_changed as (
  update lanes l set paused = q.paused, running_max = ${laneMax("q", "s")}
  from queues q join environment_slots s on s.environment_id = q.environment_id
  where q.changed_at > (select app_now()) - interval '10 minutes' and l.queue_id = q.id
    and (l.paused <> q.paused or l.running_max is distinct from ${laneMax("q", "s")})
  returning l.environment_id
)
select json_build_object('environmentIds', (
  select coalesce(json_agg(distinct environment_id), '[]')
  from (select environment_id from counters_changed union all select environment_id from lanes_changed) e))::text`;

/**
 * Corrects lanes and counters that a trigger made while their queue or limit was being changed: neither statement saw
 * the other. Looks at what was changed lately only. Cost: one round trip.
 */
export const fitLanes = async (db: Database): Promise<z.infer<typeof Answer>> =>
  Answer.parse(await db.call(statement, []));
