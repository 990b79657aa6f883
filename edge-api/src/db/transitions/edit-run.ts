import { z } from "zod";
import type { Database } from "../database.ts";
import { jsonbText } from "../jsonb-text.ts";

const Tagged = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("missing") }),
  z.object({ kind: z.literal("too_many"), count: z.int() }),
  z.object({ kind: z.literal("moved"), added: z.int() }),
]);

const tagsStatement = `
with target as (
  select id, tags from runs where id = $1 and environment_id = $2 for update
),
merged as (
  select id, cardinality(tags) as before,
    tags || array(select g.tag from jsonb_array_elements_text($3::jsonb) as g(tag) where g.tag <> all (tags)) as tags
  from target
),
written as (
  update runs r set tags = m.tags, updated_at = (select app_now())
  from merged m
  where r.id = m.id and cardinality(m.tags) between m.before + 1 and $4
  returning r.id, r.environment_id, r.tags
),
listed as (
  insert into run_tags (environment_id, tag, run_id)
  select distinct w.environment_id, t.tag, w.id from written w cross join lateral unnest(w.tags) as t(tag)
  on conflict do nothing
)
select (case
  when not exists (select from merged) then json_build_object('kind', 'missing')
  when (select cardinality(tags) from merged) > $4
    then json_build_object('kind', 'too_many', 'count', (select cardinality(tags) from merged))
  else json_build_object('kind', 'moved', 'added', (select cardinality(tags) - before from merged)) end)::text`;

/** Adds tags that a run does not have yet, all or none. Cost: one round trip. */
export const addRunTags = async (
  db: Database,
  run: { runId: string; environmentId: string },
  tags: readonly string[],
  tagsMax: number,
): Promise<z.infer<typeof Tagged>> =>
  Tagged.parse(await db.call(tagsStatement, [run.runId, run.environmentId, jsonbText(tags), tagsMax]));

/** New metadata of a run, made from that of `version`. */
export type MetadataWrite = { runId: string; version: number; metadata: Record<string, unknown> };

const metadataStatement = `
with given as (
  select * from jsonb_to_recordset($2::jsonb) as g("runId" text, "version" int, "metadata" jsonb)
),
locked as (
  select r.id, r.metadata_version from runs r
  where r.environment_id = $1 and r.id in (select "runId" from given)
  order by r.id
  for update
),
fitting as (
  select g.* from given g join locked l on l.id = g."runId" and l.metadata_version = g."version"
),
written as (
  update runs r
  set metadata = f."metadata", metadata_version = r.metadata_version + 1, updated_at = (select app_now())
  from fitting f
  where r.id = f."runId" and (select count(*) from fitting) = (select count(*) from given)
)
select ((select count(*) from fitting) = (select count(*) from given))::text`;

/**
 * Writes the metadata of runs, all or none. Shape: false when one of them was changed since it was read.
 * Cost: one round trip.
 */
export const writeRunMetadata = async (
  db: Database,
  environmentId: string,
  writes: readonly MetadataWrite[],
): Promise<boolean> =>
  z.boolean().parse(await db.call(metadataStatement, [environmentId, jsonbText(writes)]));

const Rescheduled = z.enum(["moved", "refused", "missing"]);

const rescheduleStatement = `
with moved as (
  update runs r set due_at = greatest((select app_now()), $3::timestamptz), updated_at = (select app_now())
  where r.id = $1 and r.environment_id = $2 and r.state = 'delayed' and r.attempt = 0 and r.release_count = 0
  returning r.id
),
logged as (
  insert into run_events (run_id, at, kind, from_state, to_state)
  select id, (select app_now()), 'reschedule', 'delayed', 'delayed' from moved
)
select to_json(case when exists (select from moved) then 'moved'
  when exists (select from runs where id = $1 and environment_id = $2) then 'refused' else 'missing' end)::text`;

/** The move `reschedule`: another due time for a run that is delayed as its caller asked. Cost: one round trip. */
export const rescheduleRun = async (
  db: Database,
  run: { runId: string; environmentId: string; dueAt: string },
): Promise<z.infer<typeof Rescheduled>> =>
  Rescheduled.parse(await db.call(rescheduleStatement, [run.runId, run.environmentId, run.dueAt]));

const resetStatement = `
with dropped as (
  delete from idempotency_keys
  where environment_id = $1 and task_slug = $2 and key = $3 and expires_at > (select app_now())
  returning 1
)
select exists (select from dropped)::text`;

/** Lets go of an idempotency key of a task. Shape: whether there was one. Cost: one round trip. */
export const resetIdempotencyKey = async (
  db: Database,
  key: { environmentId: string; task: string; key: string },
): Promise<boolean> =>
  z.boolean().parse(await db.call(resetStatement, [key.environmentId, key.task, key.key]));
