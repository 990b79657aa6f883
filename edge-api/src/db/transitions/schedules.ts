import { z } from "zod";
import type { Database } from "../database.ts";
import { jsonbText } from "../jsonb-text.ts";
import { ScheduleRow, scheduleJson } from "../queries/list-schedules.ts";

/** What a schedule says, and its first tick. Units: times in ISO 8601. */
export type ScheduleContent = {
  environmentId: string;
  taskSlug: string;
  cron: string;
  timezone: string;
  window: string | null;
  externalId: string | null;
  nextRunAt: string;
  fireAt: string;
};

const contentColumns = `"environmentId" text, "taskSlug" text, "cron" text, "timezone" text, "window" text,
  "externalId" text, "nextRunAt" timestamptz, "fireAt" timestamptz`;

/* One that says the same as before keeps its tick: an upsert at the very minute neither skips nor repeats it. */
const nextOf = (column: "next_run_at" | "fire_at", s: string, n: string): string => `
  case when not ${s}.active then null
    when (${s}.cron, ${s}.timezone, ${s}."window") is not distinct from (${n}.cron, ${n}.timezone, ${n}."window")
      then ${s}.${column}
    else ${n}.${column} end`;

const saveStatement = `
with saved as (
  insert into schedules as s (id, environment_id, task_slug, type, cron, timezone, "window", deduplication_key,
    external_id, next_run_at, fire_at)
  select n."id", n."environmentId", n."taskSlug", 'IMPERATIVE', n."cron", n."timezone", n."window",
    n."deduplicationKey", n."externalId", n."nextRunAt", n."fireAt"
  from jsonb_to_record($1::jsonb) as n("id" text, "deduplicationKey" text, ${contentColumns})
  on conflict (environment_id, deduplication_key) do update
    set task_slug = excluded.task_slug, cron = excluded.cron, timezone = excluded.timezone,
        "window" = excluded."window", external_id = excluded.external_id, updated_at = (select app_now()),
        next_run_at = ${nextOf("next_run_at", "s", "excluded")}, fire_at = ${nextOf("fire_at", "s", "excluded")}
  returning *
)
select (select ${scheduleJson("s")} from saved s)::text`;

/** Creates a schedule, or changes the one that has the same key. Cost: one round trip. */
export const saveSchedule = async (
  db: Database,
  schedule: ScheduleContent & { id: string; deduplicationKey: string },
): Promise<ScheduleRow> => ScheduleRow.parse(await db.call(saveStatement, [jsonbText(schedule)]));

const updateStatement = `
with n as (
  select n."environmentId" as environment_id, n."taskSlug" as task_slug, n."cron" as cron, n."timezone" as timezone,
    n."window" as "window", n."externalId" as external_id, n."nextRunAt" as next_run_at, n."fireAt" as fire_at
  from jsonb_to_record($2::jsonb) as n(${contentColumns})
),
saved as (
  update schedules s
  set task_slug = n.task_slug, cron = n.cron, timezone = n.timezone, "window" = n."window",
      external_id = n.external_id, updated_at = (select app_now()),
      next_run_at = ${nextOf("next_run_at", "s", "n")}, fire_at = ${nextOf("fire_at", "s", "n")}
  from n
  where s.id = $1 and s.environment_id = n.environment_id and s.type = 'IMPERATIVE'
  returning s.*
)
select coalesce((select ${scheduleJson("s")} from saved s), 'null'::json)::text`;

/** Changes a schedule of a caller's own. Errors: null when it is gone or declared by code. */
export const updateSchedule = async (
  db: Database,
  id: string,
  content: ScheduleContent,
): Promise<ScheduleRow | null> =>
  ScheduleRow.nullable().parse(await db.call(updateStatement, [id, jsonbText(content)]));

const activateStatement = `
with saved as (
  update schedules s
  set active = $3::timestamptz is not null, updated_at = (select app_now()),
      next_run_at = case when $3::timestamptz is null then null when s.active then s.next_run_at else $3::timestamptz end,
      fire_at = case when $3::timestamptz is null then null when s.active then s.fire_at else $4::timestamptz end
  where s.id = $1 and s.environment_id = $2
  returning *
)
select coalesce((select ${scheduleJson("s")} from saved s), 'null'::json)::text`;

/** Switches a schedule on, from the given tick, or off. Errors: null when it is gone. */
export const setScheduleActive = async (
  db: Database,
  schedule: { id: string; environmentId: string },
  next: { nextRunAt: string; fireAt: string } | null,
): Promise<ScheduleRow | null> =>
  ScheduleRow.nullable().parse(
    await db.call(activateStatement, [
      schedule.id,
      schedule.environmentId,
      next?.nextRunAt ?? null,
      next?.fireAt ?? null,
    ]),
  );

const deleteStatement = `
with gone as (
  delete from schedules where id = $1 and environment_id = $2 and type = 'IMPERATIVE' returning id
)
select coalesce((select to_json(id) from gone), 'null'::json)::text`;

/** Deletes a schedule of a caller's own; its runs stay. Errors: false when it is gone or declared by code. */
export const deleteSchedule = async (db: Database, id: string, environmentId: string): Promise<boolean> =>
  (await db.call(deleteStatement, [id, environmentId])) !== null;

/** A tick that was fired (or could not be), and the one that follows. `next` null: none ever does. */
export type TickEnd = {
  id: string;
  pendingAt: string;
  ranAt: string | null;
  nextRunAt: string | null;
  fireAt: string | null;
};

const advanceStatement = `
with ends as (
  select * from jsonb_to_recordset($1::jsonb) as e(
    "id" text, "pendingAt" timestamptz, "ranAt" timestamptz, "nextRunAt" timestamptz, "fireAt" timestamptz)
),
locked as (
  select s.id from schedules s where s.id in (select "id" from ends) order by s.id for update
),
moved as (
  update schedules s
  set next_run_at = e."nextRunAt", fire_at = e."fireAt", last_run_at = coalesce(e."ranAt", s.last_run_at),
      active = e."nextRunAt" is not null
  from ends e
  where s.id = e."id" and s.id in (select id from locked) and s.next_run_at = e."pendingAt"
  returning s.id
)
select (select coalesce(json_agg(id), '[]') from moved)::text`;

/**
 * Moves schedules on to their next tick, each only where the tick that was fired is still the pending one.
 * Shape: ids of those that this call moved. Cost: one round trip.
 */
export const advanceSchedules = async (db: Database, ends: readonly TickEnd[]): Promise<string[]> =>
  z.array(z.string()).parse(await db.call(advanceStatement, [jsonbText(ends)]));
