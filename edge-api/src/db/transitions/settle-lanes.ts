import { z } from "zod";
import type { Database } from "../database.ts";

const Answer = z.object({ environmentIds: z.array(z.string()) });

const statement = `
with reopened as (
  update lanes l set has_work = true
  where not l.has_work
    and (l.id = any($1::text[]) or ($1::text[] is null and l.turn_at > app_now() - interval '10 minutes'))
    and exists (select from queue_entries q where q.lane_id = l.id and q.agent_id is null)
  returning l.environment_id
)
select json_build_object('environmentIds', (select coalesce(json_agg(distinct environment_id), '[]') from reopened))::text`;

/**
 * Reopens lanes that were closed as empty while a trigger was putting a run into them: neither statement can see the
 * other, so the one that closed a lane looks again afterwards. `null` looks at every lane that was used lately.
 *
 * Shape: the environments that have work after all. Cost: one round trip.
 */
export const settleLanes = async (
  db: Database,
  laneIds: readonly string[] | null,
): Promise<z.infer<typeof Answer>> => Answer.parse(await db.call(statement, [laneIds]));
