import { z } from "zod";
import type { Database } from "../database.ts";
import { jsonbText } from "../jsonb-text.ts";

/** A batch to make. `keyHash` is what its idempotency key is found by; `idempotencyKey` what the caller reads again. */
export type NewBatch = {
  id: string;
  environmentId: string;
  runCount: number;
  keyHash: string | null;
  keyExpiresAt: string | null;
  idempotencyKey: string | null;
  parentRunId: string | null;
  resumesParent: boolean;
  waitPointId: string;
  /** How long its items may take to arrive. */
  sealMs: number;
};

const Answer = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("created"), id: z.string(), runCount: z.int() }),
  z.object({ kind: z.literal("cached"), id: z.string(), runCount: z.int(), isSealed: z.boolean() }),
  z.object({ kind: z.literal("other_count"), id: z.string(), runCount: z.int() }),
  z.object({ kind: z.literal("parent_missing") }),
  z.object({ kind: z.literal("archived") }),
  z.object({ kind: z.literal("again") }),
]);
export type CreateBatchAnswer = z.infer<typeof Answer>;

/* The key of a batch that was given up is free again. */
const statement = `
with asked as (
  select * from jsonb_to_record($1::jsonb) as b(
    "id" text, "environmentId" text, "runCount" int, "keyHash" text, "keyExpiresAt" timestamptz, "idempotencyKey" text,
    "parentRunId" text, "resumesParent" boolean, "waitPointId" text, "sealMs" float8)
),
valid as (
  select a.* from asked a
  where case
    when a."parentRunId" is null
      then exists (select from environments e where e.id = a."environmentId" and e.archived_at is null)
    else exists (
      select from runs r
      where r.id = a."parentRunId" and r.environment_id = a."environmentId" and r.finished_at is null) end
),
seen as (
  select x.id, x.run_count, x.sealed_at, x.completed_at
  from valid v
  cross join lateral (
    select run_id, expires_at from idempotency_keys
    where environment_id = v."environmentId" and task_slug = '@batch' and key = v."keyHash"
    limit 1
  ) k
  cross join lateral (select * from batches where id = k.run_id limit 1) x
  where k.expires_at > (select app_now()) and x.status <> 'ABORTED'
),
taken as (
  insert into idempotency_keys (environment_id, task_slug, key, run_id, expires_at)
  select "environmentId", '@batch', "keyHash", "id", "keyExpiresAt"
  from valid where "keyHash" is not null and not exists (select from seen)
  on conflict (environment_id, task_slug, key) do update
    set run_id = excluded.run_id, expires_at = excluded.expires_at
    where idempotency_keys.expires_at <= (select app_now())
      or exists (select from batches x where x.id = idempotency_keys.run_id and x.status = 'ABORTED')
  returning run_id
),
made as (
  insert into batches (id, environment_id, run_count, open_count, idempotency_key, parent_run_id, resumes_parent, seal_by)
  select "id", "environmentId", "runCount", "runCount", "idempotencyKey", "parentRunId", "resumesParent",
    (select app_now()) + "sealMs" * interval '1 millisecond'
  from valid
  where not exists (select from seen) and ("keyHash" is null or exists (select from taken))
  returning id, run_count
),
points as (
  insert into wait_points (id, environment_id, kind, status, batch_id, created_at, completed_at)
  select v."waitPointId", v."environmentId", 'batch',
    case when t.completed_at is null then 'pending' else 'completed' end, t.id, (select app_now()), t.completed_at
  from valid v join (
    select id, null::timestamptz as completed_at from made
    union all select s.id, s.completed_at from seen s where s.run_count = (select "runCount" from asked)) t on true
  where v."resumesParent" and v."parentRunId" is not null
  returning id
),
linked as (
  insert into run_waits (run_id, wait_point_id) select v."parentRunId", p.id from points p, valid v
)
select (case
  when not exists (select from valid) then json_build_object(
    'kind', case when (select "parentRunId" from asked) is null then 'archived' else 'parent_missing' end)
  when exists (select from made)
    then (select json_build_object('kind', 'created', 'id', id, 'runCount', run_count) from made)
  when exists (select from seen)
    then (select json_build_object('kind', case when run_count = (select "runCount" from asked) then 'cached' else 'other_count' end,
      'id', id, 'runCount', run_count, 'isSealed', sealed_at is not null)
      from seen)
  else json_build_object('kind', 'again') end)::text`;

/**
 * Makes a batch without items, and the point at which its parent waits. `cached`: a live idempotency key names an
 * earlier one; the parent then waits for that. `other_count`: the key names one for another number of runs, and nothing is done. `archived`: the branch was put away. `again`: a concurrent call took the key. Cost: one round trip.
 */
export const createBatch = async (db: Database, batch: NewBatch): Promise<CreateBatchAnswer> =>
  Answer.parse(await db.call(statement, [jsonbText(batch)]));
