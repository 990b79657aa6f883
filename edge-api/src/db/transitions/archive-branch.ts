import { z } from "zod";
import type { Database } from "../database.ts";
import { stopSchedulesOf } from "./stop-schedules-fragment.ts";

const Answer = z.object({ id: z.string() }).nullable();

const statement = `
with moved as (
  update environments b set archived_at = coalesce(b.archived_at, (select app_now()))
  from projects p
  join members m on m.organization_id = p.organization_id and m.user_id = $2 and m.role <> 'viewer'
  where p.ref = $1 and b.project_id = p.id and b.type = 'preview' and b.branch_name = $3
    and b.parent_environment_id is not null
  returning b.id
),${stopSchedulesOf("moved")}
select coalesce((select json_build_object('id', id) from moved), 'null'::json)::text`;

/**
 * Puts a branch away: no person reaches it and no key of the preview environment, and its schedules stop; the branch's own
 * keys and tokens still read, and trigger nothing. Runs that it has go on to their end, with what they trigger.
 * Errors: null when the person may change no such branch. Cost: one round trip.
 */
export const archiveBranch = async (
  db: Database,
  place: { ref: string; userId: string; branch: string },
): Promise<{ id: string } | null> =>
  Answer.parse(await db.call(statement, [place.ref, place.userId, place.branch]));
