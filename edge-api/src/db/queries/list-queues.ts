import { z } from "zod";
import type { Database } from "../database.ts";

export const QueueRow = z.object({
  id: z.string(),
  name: z.string(),
  type: z.enum(["task", "custom"]),
  paused: z.boolean(),
  limit: z.int().nullable(),
  override: z.int().nullable(),
  overriddenAt: z.string().nullable(),
  environmentLimit: z.int(),
  running: z.int(),
  queued: z.int(),
});
export type QueueRow = z.infer<typeof QueueRow>;

/** A queue's row as JSON. Names: `q` a row of queues, `s` the environment's row of environment_slots. */
export const queueJson = (q: string, s: string): string => `json_build_object(
  'id', ${q}.id, 'name', ${q}.name, 'type', ${q}.type, 'paused', ${q}.paused, 'limit', ${q}.concurrency_limit,
  'override', ${q}.concurrency_override, 'overriddenAt', ${q}.overridden_at,
  'environmentLimit', ${s}.concurrency_limit,
  'running', (select coalesce(sum(l.running), 0)::int from lanes l where l.queue_id = ${q}.id and l.region = ''),
  'queued', (select count(*) from lanes l join queue_entries e on e.lane_id = l.id and e.agent_id is null
    where l.queue_id = ${q}.id))`;

const Page = z.object({ count: z.int(), rows: z.array(QueueRow) });

const listStatement = `
select json_build_object(
  'count', (select count(*) from queues where environment_id = $1),
  'rows', (select coalesce(json_agg(${queueJson("q", "s")} order by q.name), '[]')
    from (select * from queues where environment_id = $1 order by name limit $2 offset $3) q
    join environment_slots s on s.environment_id = q.environment_id))::text`;

/** A page of an environment's queues by name. Runs that continue on their agent are not counted as queued. */
export const listQueues = async (
  db: Database,
  environmentId: string,
  page: { size: number; offset: number },
): Promise<z.infer<typeof Page>> =>
  Page.parse(await db.call(listStatement, [environmentId, page.size, page.offset]));

const findStatement = `
select coalesce((
  select ${queueJson("q", "s")}
  from queues q join environment_slots s on s.environment_id = q.environment_id
  where q.environment_id = $1
    and case $2 when 'id' then q.id = $3
      when 'task' then q.type = 'task' and q.name in ('task/' || $3, $3)
      else q.type = 'custom' and q.name = $3 end
  order by q.name = 'task/' || $3 desc
  limit 1), 'null'::json)::text`;

/** One queue: by its id, by the task whose own it is, or by the name that the code gave it. */
export const findQueue = async (
  db: Database,
  queue: { environmentId: string; by: "id" | "task" | "custom"; value: string },
): Promise<QueueRow | null> =>
  QueueRow.nullable().parse(await db.call(findStatement, [queue.environmentId, queue.by, queue.value]));
