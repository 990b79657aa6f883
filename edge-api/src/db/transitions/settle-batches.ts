import { z } from "zod";
import type { Database } from "../database.ts";
import { countItems, wakeParents, wakesDue } from "./fragments.ts";
import { HintsDue } from "./move-result.ts";

const Answer = z.object({ count: z.int(), hints: HintsDue });

const statement = `
with late as (
  select i.batch_id, i.index
  from batch_items i join runs r on r.id = i.run_id
  where not i.is_over and r.finished_at is not null
    and i.batch_id = any(array(
      select $1::text where $1::text is not null
      union all
      select id from batches
      where $1::text is null
        and sealed_at is not null and completed_at is null and sealed_at > (select app_now()) - interval '10 minutes'))
  order by i.batch_id, i.index
  limit 5000
  for update of i skip locked
),
items_over as (
  update batch_items i set is_over = true
  from late l
  where i.batch_id = l.batch_id and i.index = l.index
  returning i.batch_id
),
${countItems},
done_points as (select id from batch_points),
${wakeParents}
select json_build_object('count', (select count(*) from items_over), 'hints', ${wakesDue})::text`;

/**
 * Counts items whose run ended while it was being linked: neither statement can see the other, so who links looks once
 * more afterwards. `null` looks at every batch that was sealed lately.
 *
 * Cost: one round trip.
 */
export const settleBatches = async (db: Database, batchId: string | null): Promise<z.infer<typeof Answer>> =>
  Answer.parse(await db.call(statement, [batchId]));
