import { z } from "zod";
import type { Database } from "../database.ts";
import { jsonbText } from "../jsonb-text.ts";
import type { TriggerItem } from "./trigger-runs.ts";

/** Units: milliseconds. `maxDelayMs` counts from when the run was created. */
export type PushBack = Pick<
  TriggerItem,
  | "environmentId"
  | "task"
  | "idempotencyKey"
  | "requestKey"
  | "payload"
  | "payloadType"
  | "maxAttempts"
  | "machine"
  | "maxDurationS"
  | "tags"
  | "metadata"
  | "parentRunId"
  | "resumeParent"
  | "waitPointId"
> & { key: string; delayMs: number; maxDelayMs: number | null; replaces: boolean };

const Answer = z.object({ runId: z.string().nullable() });

const statement = `
with r as (
  select * from jsonb_to_record($1::jsonb) as r(
    "environmentId" text, "task" text, "key" text, "idempotencyKey" text, "requestKey" text, "delayMs" float8,
    "maxDelayMs" float8, "replaces" boolean, "payload" text, "payloadType" text, "maxAttempts" int, "machine" text,
    "maxDurationS" float8, "tags" jsonb, "metadata" jsonb, "parentRunId" text, "resumeParent" boolean,
    "waitPointId" text)
),
target as (
  select t.id from r
  join idempotency_keys k on k.environment_id = r."environmentId" and k.task_slug = '@debounce/' || r."task"
    and k.key = r."key"
  join runs t on t.id = k.run_id and t.state = 'delayed' and t.attempt = 0
  where not exists (
      select from idempotency_keys i
      where i.environment_id = r."environmentId" and i.task_slug = r."task" and i.key = r."idempotencyKey"
        and i.expires_at > (select app_now()))
    and not exists (
      select from idempotency_keys i
      where i.environment_id = r."environmentId" and i.task_slug = '@request' and i.key = r."requestKey"
        and i.expires_at > (select app_now()))
  for update of t
),
moved as (
  update runs t
  set due_at = w.until, delay_until = w.until, updated_at = (select app_now()),
    payload = case when r."replaces" then r."payload" else t.payload end,
    payload_type = case when r."replaces" then r."payloadType" else t.payload_type end,
    metadata = case when r."replaces" then nullif(r."metadata", 'null'::jsonb) else t.metadata end,
    tags = case when r."replaces" then array(select jsonb_array_elements_text(r."tags")) else t.tags end,
    retry = case when r."replaces" and r."maxAttempts" is not null
      then t.retry || jsonb_build_object('maxAttempts', r."maxAttempts") else t.retry end,
    machine = case when r."replaces" then coalesce(r."machine", t.machine) else t.machine end,
    max_duration_s = case when r."replaces" then coalesce(r."maxDurationS", t.max_duration_s) else t.max_duration_s end
  from r, target g, lateral (
    select least(
      (select app_now()) + r."delayMs" * interval '1 millisecond',
      (select created_at from runs where id = g.id) + r."maxDelayMs" * interval '1 millisecond') as until
  ) w
  where t.id = g.id and t.state = 'delayed'
  returning t.id, t.environment_id, t.tags
),
unlisted as (
  delete from run_tags l using moved m, r
  where r."replaces" and l.run_id = m.id and l.environment_id = m.environment_id
    and l.tag in (select unnest(b.tags) from runs b where b.id = m.id) and l.tag <> all (m.tags)
),
listed as (
  insert into run_tags (environment_id, tag, run_id)
  select distinct m.environment_id, t.tag, m.id from r, moved m cross join lateral unnest(m.tags) as t(tag)
  where r."replaces"
  on conflict do nothing
),
kept as (
  update idempotency_keys k set expires_at = (select app_now()) + interval '90 days'
  from r, moved m
  where k.environment_id = r."environmentId" and k.task_slug = '@debounce/' || r."task" and k.key = r."key"
),
remembered as (
  insert into idempotency_keys (environment_id, task_slug, key, run_id, expires_at)
  select r."environmentId", '@request', r."requestKey", m.id, (select app_now()) + interval '1 day'
  from r, moved m where r."requestKey" is not null
  on conflict (environment_id, task_slug, key) do nothing
),
parent as (
  select p.id from r join runs p on p.id = r."parentRunId" and p.environment_id = r."environmentId"
    and p.finished_at is null
  where r."resumeParent"
),
points as (
  insert into wait_points (id, environment_id, kind, status, child_run_id, created_at)
  select r."waitPointId", r."environmentId", 'run', 'pending', m.id, (select app_now()) from r, moved m, parent
),
waits as (
  insert into run_waits (run_id, wait_point_id) select p.id, r."waitPointId" from r, moved m, parent p
)
select json_build_object('runId', (select id from moved))::text`;

/**
 * Puts off the delayed run that carries a debounce key, instead of creating another; with `replaces` it takes the
 * newer payload, metadata, tags and options.
 *
 * Shape: `runId` null when there is none, or when an idempotency key decides. Cost: one round trip.
 */
export const pushBackRun = async (db: Database, push: PushBack): Promise<string | null> =>
  Answer.parse(await db.call(statement, [jsonbText(push)])).runId;
