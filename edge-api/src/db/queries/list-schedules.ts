import { z } from "zod";
import type { Database } from "../database.ts";

export const ScheduleRow = z.object({
  id: z.string(),
  environmentId: z.string(),
  environmentType: z.string(),
  taskSlug: z.string(),
  type: z.enum(["DECLARATIVE", "IMPERATIVE"]),
  cron: z.string(),
  timezone: z.string(),
  window: z.string().nullable(),
  deduplicationKey: z.string(),
  hasOwnDeduplicationKey: z.boolean(),
  externalId: z.string().nullable(),
  active: z.boolean(),
  nextRunAt: z.string().nullable(),
  fireAt: z.string().nullable(),
  lastRunAt: z.string().nullable(),
});
export type ScheduleRow = z.infer<typeof ScheduleRow>;

/** A schedule's row as JSON. Name: `s` a row of schedules. */
export const scheduleJson = (s: string): string => `json_build_object(
  'id', ${s}.id, 'environmentId', ${s}.environment_id,
  'environmentType', (select e.type from environments e where e.id = ${s}.environment_id),
  'taskSlug', ${s}.task_slug, 'type', ${s}.type, 'cron', ${s}.cron, 'timezone', ${s}.timezone,
  'window', ${s}."window", 'deduplicationKey', ${s}.deduplication_key,
  'hasOwnDeduplicationKey', ${s}.has_own_deduplication_key, 'externalId', ${s}.external_id, 'active', ${s}.active,
  'nextRunAt', ${s}.next_run_at, 'fireAt', ${s}.fire_at, 'lastRunAt', ${s}.last_run_at)`;

const Page = z.object({ count: z.int(), rows: z.array(ScheduleRow) });

const listStatement = `
select json_build_object(
  'count', (select count(*) from schedules where environment_id = $1),
  'rows', (select coalesce(json_agg(${scheduleJson("s")} order by s.id), '[]')
    from (select * from schedules where environment_id = $1 order by id limit $2 offset $3) s))::text`;

/** A page of an environment's schedules, oldest first. */
export const listSchedules = async (
  db: Database,
  environmentId: string,
  page: { size: number; offset: number },
): Promise<z.infer<typeof Page>> =>
  Page.parse(await db.call(listStatement, [environmentId, page.size, page.offset]));

const Found = z.object({
  /** The database's time. */
  nowMs: z.number(),
  /** Whether the current deployment has the task that was asked for. */
  hasTask: z.boolean(),
  schedule: ScheduleRow.nullable(),
});

const findStatement = `
select json_build_object(
  'nowMs', floor(extract(epoch from (select app_now())) * 1000),
  'hasTask', exists (
    select from tasks t join environments e on e.current_deployment_id = t.deployment_id
    where e.id = $1 and t.slug = $3),
  'schedule', (select ${scheduleJson("s")} from schedules s where s.environment_id = $1 and s.id = $2))::text`;

/** A schedule by its id, and what is needed to plan it anew. Cost: one round trip. */
export const findSchedule = async (
  db: Database,
  environmentId: string,
  scheduleId: string | null,
  task: string | null,
): Promise<z.infer<typeof Found>> =>
  Found.parse(await db.call(findStatement, [environmentId, scheduleId, task]));

const DueRow = ScheduleRow.extend({
  nextRunAt: z.string(),
  /** When its newest run was made, if since this tick was due: who fired it did not come to say so. */
  firedMs: z.number().nullable(),
});
export type DueRow = z.infer<typeof DueRow>;
const Due = z.object({ nowMs: z.number(), rows: z.array(DueRow) });

const dueStatement = `
select json_build_object(
  'nowMs', floor(extract(epoch from (select app_now())) * 1000),
  'rows', (select coalesce(json_agg((${scheduleJson("s")})::jsonb || jsonb_build_object('firedMs', (
      select case when r.created_at >= s.fire_at then ceil(extract(epoch from r.created_at) * 1000) end
      from runs r where r.schedule_id = s.id order by r.id desc limit 1))
      order by s.fire_at), '[]')
    from (select * from schedules where fire_at <= (select app_now()) order by fire_at limit $1) s))::text`;

/** Schedules whose tick is due, the longest overdue first. Cost: one round trip over a partial index. */
export const findDueSchedules = async (db: Database, limit: number): Promise<z.infer<typeof Due>> =>
  Due.parse(await db.call(dueStatement, [limit]));
