import { z } from "zod";
import type { Database } from "../database.ts";
import { jsonbText } from "../jsonb-text.ts";

/** A wait point that a caller makes. With `runId` the run is linked to it, though it does not wait yet. */
export type NewWaitPoint = {
  id: string;
  environmentId: string;
  kind: "time" | "token";
  /** When it comes due: a time's date, a token's time-out. */
  dueAt: string | null;
  tags: string[];
  runId: string | null;
  /** As the caller sent it, and as it is found again. */
  idempotencyKey: string | null;
  storedKey: string | null;
  keyExpiresAt: string | null;
};

const Answer = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("created"), id: z.string(), dueAt: z.string().nullable() }),
  z.object({ kind: z.literal("cached"), id: z.string(), dueAt: z.string().nullable() }),
  z.object({ kind: z.literal("run_missing") }),
  z.object({ kind: z.literal("again") }),
]);
export type CreateWaitPointAnswer = z.infer<typeof Answer>;

const statement = `
with asked as (
  select * from jsonb_to_record($1::jsonb) as p(
    "id" text, "environmentId" text, "kind" text, "dueAt" timestamptz, "tags" jsonb, "runId" text,
    "idempotencyKey" text, "storedKey" text, "keyExpiresAt" timestamptz)
),
valid as (
  select a.* from asked a
  where a."runId" is null or exists (
    select from runs r where r.id = a."runId" and r.environment_id = a."environmentId" and r.finished_at is null)
),
seen as (
  select p.id, coalesce(p.due_at, p.completed_at) as due_at
  from valid v
  cross join lateral (
    select run_id, expires_at from idempotency_keys
    where environment_id = v."environmentId" and task_slug = '@' || v."kind" and key = v."storedKey"
    limit 1
  ) k
  cross join lateral (select * from wait_points where id = k.run_id limit 1) p
  where k.expires_at > (select app_now())
),
taken as (
  insert into idempotency_keys (environment_id, task_slug, key, run_id, expires_at)
  select "environmentId", '@' || "kind", "storedKey", "id", "keyExpiresAt"
  from valid where "storedKey" is not null and not exists (select from seen)
  on conflict (environment_id, task_slug, key) do update
    set run_id = excluded.run_id, expires_at = excluded.expires_at
    where idempotency_keys.expires_at <= (select app_now())
  returning run_id
),
made as (
  insert into wait_points (id, environment_id, kind, status, due_at, timeout_at, tags, idempotency_key,
    idempotency_expires_at, created_at)
  select "id", "environmentId", "kind", 'pending', "dueAt", case when "kind" = 'token' then "dueAt" end,
    array(select jsonb_array_elements_text("tags")), "idempotencyKey", "keyExpiresAt", (select app_now())
  from valid
  where not exists (select from seen) and ("storedKey" is null or exists (select from taken))
  returning id, due_at
),
linked as (
  insert into run_waits (run_id, wait_point_id)
  select v."runId", p.id from valid v join (select id from made union all select id from seen) p on true
  where v."runId" is not null
  on conflict (run_id, wait_point_id) do nothing
)
select (case
  when not exists (select from valid) then json_build_object('kind', 'run_missing')
  when exists (select from made) then (select json_build_object('kind', 'created', 'id', id, 'dueAt', due_at) from made)
  when exists (select from seen) then (select json_build_object('kind', 'cached', 'id', id, 'dueAt', due_at) from seen)
  else json_build_object('kind', 'again') end)::text`;

/**
 * Makes a wait point, or finds the one that a live idempotency key names (`cached`). `again`: a concurrent call took
 * the key. Cost: one round trip.
 */
export const createWaitPoint = async (db: Database, point: NewWaitPoint): Promise<CreateWaitPointAnswer> =>
  Answer.parse(await db.call(statement, [jsonbText(point)]));

const linkStatement = `
with linked as (
  insert into run_waits (run_id, wait_point_id)
  select r.id, p.id from runs r join wait_points p on p.environment_id = r.environment_id
  where r.id = $1 and p.id = $2 and r.environment_id = $3 and r.finished_at is null
  on conflict (run_id, wait_point_id) do update set position = run_waits.position
  returning 1
)
select exists (select from linked)::text`;

/** Links a run to a point that it is about to wait for. Shape: false when one of them is not there, or the run is over. */
export const linkWaitPoint = async (
  db: Database,
  link: { runId: string; waitPointId: string; environmentId: string },
): Promise<boolean> =>
  z.boolean().parse(await db.call(linkStatement, [link.runId, link.waitPointId, link.environmentId]));
