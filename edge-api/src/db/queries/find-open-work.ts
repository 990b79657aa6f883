import { z } from "zod";
import type { Database } from "../database.ts";

const Answer = z.object({ environmentIds: z.array(z.string()), agentIds: z.array(z.string()) });

const statement = `
select json_build_object(
  'environmentIds', (
    select coalesce(json_agg(s.environment_id), '[]') from environment_slots s
    where not s.paused and s.running < s.running_max and (
      select true from lanes l where l.environment_id = s.environment_id
        and l.has_work and not l.paused and l.blocked_by is null and (l.running_max is null or l.running < l.running_max)
      limit 1)),
  'agentIds', (select coalesce(json_agg(distinct agent_id), '[]') from queue_entries where agent_id is not null))::text`;

/** Who could take work now: environments with an open lane and room, agents with something to continue. Cost: one round trip. */
export const findOpenWork = async (db: Database): Promise<z.infer<typeof Answer>> =>
  Answer.parse(await db.call(statement, []));
