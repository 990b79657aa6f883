import { PacketType } from "@longshore/shared/contract/packets";
import { TaskError } from "@longshore/shared/contract/task-error";
import { z } from "zod";
import type { Database } from "../database.ts";

/** A run that is over, whose finaliser has not been made, or not been crossed off. */
const DueFinaliser = z.object({
  runId: z.string(),
  environmentId: z.string(),
  /** The hidden task that is to run. */
  finaliser: z.string(),
  /** How long ago the run ended. Units: milliseconds. */
  ageMs: z.number(),
  /** Whether its run is there: whoever made it did not come to say so. Looked for only when a request's key is near its end. */
  isMade: z.boolean(),
  task: z.string(),
  payload: z.string().nullable(),
  payloadType: PacketType,
  error: TaskError.nullable(),
  state: z.string(),
  attempt: z.int(),
  attemptStartedAt: z.string().nullable(),
  createdAt: z.string(),
  startedAt: z.string().nullable(),
  tags: z.array(z.string()),
  isTest: z.boolean(),
  isReplay: z.boolean(),
  idempotencyKey: z.string().nullable(),
  maxAttempts: z.int().nullable(),
  maxDurationS: z.number().nullable(),
  priority: z.number(),
  executedMs: z.number(),
  parentRunId: z.string().nullable(),
  rootRunId: z.string().nullable(),
  batchId: z.string().nullable(),
  region: z.string().nullable(),
  labels: z.record(z.string(), z.string()).nullable(),
  metadata: z.record(z.string(), z.unknown()).nullable(),
  queue: z.object({ id: z.string(), name: z.string() }).nullable(),
  /** Null where no version had claimed it. */
  version: z.string().nullable(),
});
export type DueFinaliser = z.infer<typeof DueFinaliser>;

const statement = `
select coalesce(json_agg(json_build_object(
  'runId', r.id, 'environmentId', r.environment_id, 'finaliser', d.task_slug,
  'ageMs', 1000 * extract(epoch from (select app_now()) - d.created_at),
  'isMade', d.created_at < (select app_now()) - interval '12 hours' and exists (
    select from runs c where c.parent_run_id = r.id and c.task_slug = d.task_slug and c.trigger_function = 'finaliser'),
  'task', r.task_slug, 'payload', r.payload, 'payloadType', r.payload_type, 'error', r.error, 'state', r.state,
  'attempt', r.attempt, 'attemptStartedAt', a.started_at, 'createdAt', r.created_at, 'startedAt', r.started_at,
  'tags', r.tags, 'isTest', r.is_test, 'isReplay', r.replayed_from_id is not null,
  'idempotencyKey', coalesce(r.idempotency_options->>'key', r.idempotency_key),
  'maxAttempts', (r.retry->>'maxAttempts')::int, 'maxDurationS', r.max_duration_s, 'priority', r.priority,
  'executedMs', r.executed_ms, 'parentRunId', r.parent_run_id, 'rootRunId', r.root_run_id, 'batchId', r.batch_id,
  'region', r.region, 'labels', r.labels, 'metadata', r.metadata, 'version', v.version,
  'queue', case when q.id is not null then json_build_object('id', q.id, 'name', q.name) end
  ) order by d.due_at), '[]')::text
from (select * from due_finalisers where due_at <= (select app_now()) order by due_at limit $1) d
cross join lateral (select * from runs where id = d.run_id limit 1) r
left join lateral (select started_at from attempts where run_id = r.id and number = r.attempt limit 1) a on true
left join lateral (select version from deployments where id = r.deployment_id limit 1) v on true
left join lateral (select id, name from queues where id = r.queue_id limit 1) q on true`;

/** Ends that a finaliser run is due for, the oldest first. Cost: one round trip; one look at an index when there are none. */
export const findDueFinalisers = async (db: Database, limit: number): Promise<DueFinaliser[]> =>
  z.array(DueFinaliser).parse(await db.call(statement, [limit]));
