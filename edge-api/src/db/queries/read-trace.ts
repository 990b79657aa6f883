import { RunState } from "@longshore/shared/contract/run-status";
import { z } from "zod";
import type { Database } from "../database.ts";

/** Most runs of one trace, and how far down it goes. */
const runsMax = 1_000;
const levelsMax = 50;

const TraceRows = z.object({
  nowMs: z.number(),
  runs: z.array(
    z.object({
      id: z.string(),
      parentRunId: z.string().nullable(),
      taskSlug: z.string(),
      filePath: z.string().nullable(),
      version: z.string().nullable(),
      queueName: z.string().nullable(),
      machine: z.string(),
      state: RunState,
      attempt: z.int(),
      releaseCount: z.int(),
      createdAt: z.string(),
      finishedAt: z.string().nullable(),
    }),
  ),
  attempts: z.array(
    z.object({
      runId: z.string(),
      number: z.int(),
      status: z.enum(["executing", "completed", "failed", "canceled", "lost"]),
      startedAt: z.string(),
      finishedAt: z.string().nullable(),
      error: z.unknown(),
    }),
  ),
  waits: z.array(
    z.object({
      id: z.string(),
      runId: z.string(),
      kind: z.enum(["time", "run", "token", "batch"]),
      childRunId: z.string().nullable(),
      createdAt: z.string(),
      completedAt: z.string().nullable(),
    }),
  ),
  isTruncated: z.boolean(),
});
export type TraceRows = z.infer<typeof TraceRows>;

const statement = `
with recursive tree as (
  select r.id, 0 as level from runs r where r.id = $1 and r.environment_id = $2
  union all
  select r.id, t.level + 1 from tree t join runs r on r.parent_run_id = t.id where t.level < ${levelsMax}
),
ids as (select id from tree limit ${runsMax + 1}),
shown as (select id from ids limit ${runsMax})
select json_build_object(
  'nowMs', floor(extract(epoch from (select app_now())) * 1000),
  'isTruncated', (select count(*) from ids) > ${runsMax},
  'runs', (
    select coalesce(json_agg(json_build_object('id', r.id, 'parentRunId', r.parent_run_id, 'taskSlug', r.task_slug,
      'filePath', t.file_path, 'version', d.version, 'queueName', q.name, 'machine', r.machine, 'state', r.state,
      'attempt', r.attempt, 'releaseCount', r.release_count, 'createdAt', r.created_at, 'finishedAt', r.finished_at)), '[]')
    from runs r
    left join deployments d on d.id = r.deployment_id
    left join tasks t on t.deployment_id = r.deployment_id and t.slug = r.task_slug
    left join queues q on q.id = r.queue_id
    where r.id in (select id from shown)),
  'attempts', (
    select coalesce(json_agg(json_build_object('runId', a.run_id, 'number', a.number, 'status', a.status,
      'startedAt', a.started_at, 'finishedAt', a.finished_at, 'error', a.error) order by a.run_id, a.number), '[]')
    from attempts a where a.run_id in (select id from shown)),
  'waits', (
    select coalesce(json_agg(json_build_object('id', p.id, 'runId', w.run_id, 'kind', p.kind,
      'childRunId', p.child_run_id, 'createdAt', p.created_at, 'completedAt', p.completed_at)), '[]')
    from run_waits w join wait_points p on p.id = w.wait_point_id
    where w.run_id in (select id from shown)))::text`;

/** A run and all that it triggered, down to a thousand runs, with their attempts and waits. Cost: one round trip. */
export const readTrace = async (db: Database, environmentId: string, runId: string): Promise<TraceRows> =>
  TraceRows.parse(await db.call(statement, [runId, environmentId]));

const RecordRows = z.object({
  moves: z.array(
    z.object({
      runId: z.string(),
      at: z.string(),
      kind: z.string(),
      from: z.string().nullable(),
      to: z.string().nullable(),
      message: z.string().nullable(),
    }),
  ),
  lines: z.array(
    z.object({
      runId: z.string(),
      attempt: z.int(),
      at: z.string(),
      level: z.string(),
      stream: z.string(),
      message: z.string(),
      attributes: z.record(z.string(), z.unknown()).nullable(),
    }),
  ),
});
export type RecordRows = z.infer<typeof RecordRows>;

const recordStatement = `
select json_build_object(
  'moves', (
    select coalesce(json_agg(json_build_object('runId', e.run_id, 'at', e.at, 'kind', e.kind, 'from', e.from_state,
      'to', e.to_state, 'message', e.message) order by e.id), '[]')
    from (select * from run_events where run_id = any($1::text[]) order by id limit $2) e),
  'lines', (
    select coalesce(json_agg(json_build_object('runId', l.run_id, 'attempt', l.attempt, 'at', l.at, 'level', l.level,
      'stream', l.stream, 'message', l.message, 'attributes', l.attributes) order by l.run_id, l.attempt, l.seq), '[]')
    from (select * from run_logs where run_id = any($1::text[]) order by run_id, attempt, seq limit $2) l))::text`;

/** State moves and lines of some runs, `limit` of each at most. Cost: one round trip. */
export const readRecords = async (
  db: Database,
  runIds: readonly string[],
  limit: number,
): Promise<RecordRows> => RecordRows.parse(await db.call(recordStatement, [runIds, limit]));
