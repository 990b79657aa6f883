import { z } from "zod";
import type { Database } from "../database.ts";

const TaskRow = z.object({
  id: z.string(),
  filePath: z.string(),
  exportName: z.string().nullable(),
  description: z.string().nullable(),
  queueName: z.string(),
  concurrencyLimit: z.int().nullable(),
  retry: z.record(z.string(), z.unknown()),
  machine: z.string(),
  maxDurationS: z.number().nullable(),
  version: z.string(),
  queued: z.int(),
  running: z.int(),
});
export type TaskRow = z.infer<typeof TaskRow>;

/* Queued runs are counted to a thousand in each queue: the page says "1000+", and a long backlog costs nothing. */
const statement = `
select coalesce(json_agg(json_build_object(
  'id', t.slug, 'filePath', t.file_path, 'exportName', t.export_name, 'description', t.description,
  'queueName', t.queue_name, 'concurrencyLimit', q.concurrency_limit, 'retry', t.retry, 'machine', t.machine,
  'maxDurationS', t.max_duration_s, 'version', d.version,
  'queued', (select count(*) from (
    select 1 from queue_entries e join lanes l on l.id = e.lane_id where l.queue_id = q.id limit 1000) c),
  'running', (select coalesce(sum(l.running), 0)::int from lanes l where l.queue_id = q.id and l.region = '')
  ) order by t.slug), '[]')::text
from environments e
join deployments d on d.id = e.current_deployment_id
join tasks t on t.deployment_id = d.id
left join queues q on q.environment_id = e.id and q.name = t.queue_name
where e.id = $1 and not exists (select from tasks f where f.deployment_id = t.deployment_id and f.finaliser = t.slug)`;

/** The tasks of an environment's current deployment, with what is going on in their queues. */
export const listCurrentTasks = async (db: Database, environmentId: string): Promise<TaskRow[]> =>
  z.array(TaskRow).parse(await db.call(statement, [environmentId]));
