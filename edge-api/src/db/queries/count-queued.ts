import { z } from "zod";
import type { Database } from "../database.ts";

const Answer = z.object({ count: z.int() });

const statement = `
select json_build_object('count', count(*))::text from (
  select from queue_entries e
  where e.agent_id is null and e.lane_id in (
    select l.id from lanes l
    where l.has_work and l.queue_id = (
      select q.id from queues q
      where q.environment_id = $1 and q.name = coalesce($3::text, (
        select t.queue_name from environments v join tasks t on t.deployment_id = v.current_deployment_id and t.slug = $2
        where v.id = $1))))
  limit $4::int
) seen`;

/** How many runs stand in the queue that a trigger of this task would join, counted up to `max`. Cost: one round trip. */
export const countQueued = async (
  db: Database,
  where: { environmentId: string; task: string; queue: string | null },
  max: number,
): Promise<number> =>
  Answer.parse(await db.call(statement, [where.environmentId, where.task, where.queue, max])).count;
