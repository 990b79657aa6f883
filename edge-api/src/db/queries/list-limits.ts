import { z } from "zod";
import type { Database } from "../database.ts";

export const LimitRow = z.object({
  id: z.string(),
  name: z.string(),
  perKey: z.int().nullable(),
  perKeyOverride: z.int().nullable(),
  perKeyOverriddenAt: z.string().nullable(),
  total: z.int().nullable(),
  totalOverride: z.int().nullable(),
  totalOverriddenAt: z.string().nullable(),
  paused: z.boolean(),
  environmentLimit: z.int(),
  running: z.int(),
  queued: z.int(),
});
export type LimitRow = z.infer<typeof LimitRow>;

/* Without a counter of all runs those of the keys are added up: each run counts in one of them. */
/** A limit's row as JSON. Names: `c` a row of concurrency_limits, `s` the environment's row of environment_slots. */
export const limitJson = (c: string, s: string): string => `json_build_object(
  'id', ${c}.id, 'name', ${c}.name, 'perKey', ${c}.per_key, 'perKeyOverride', ${c}.per_key_override,
  'perKeyOverriddenAt', ${c}.per_key_overridden_at, 'total', ${c}.total, 'totalOverride', ${c}.total_override,
  'totalOverriddenAt', ${c}.total_overridden_at, 'paused', ${c}.paused, 'environmentLimit', ${s}.concurrency_limit,
  'running', coalesce(
    (select k.running from limit_slots k where k.limit_id = ${c}.id and k.is_total),
    (select sum(k.running)::int from limit_slots k where k.limit_id = ${c}.id), 0),
  'queued', (select count(*) from lanes l join queue_entries e on e.lane_id = l.id and e.agent_id is null
    where l.environment_id = ${c}.environment_id
      and l.counter_ids && (select array_agg(k.id) from limit_slots k where k.limit_id = ${c}.id)))`;

const Page = z.object({ count: z.int(), rows: z.array(LimitRow) });

const listStatement = `
select json_build_object(
  'count', (select count(*) from concurrency_limits where environment_id = $1),
  'rows', (select coalesce(json_agg(${limitJson("c", "s")} order by c.name), '[]')
    from (select * from concurrency_limits where environment_id = $1 order by name limit $2 offset $3) c
    join environment_slots s on s.environment_id = c.environment_id))::text`;

/** A page of an environment's named limits. */
export const listLimits = async (
  db: Database,
  environmentId: string,
  page: { size: number; offset: number },
): Promise<z.infer<typeof Page>> =>
  Page.parse(await db.call(listStatement, [environmentId, page.size, page.offset]));

const findStatement = `
select coalesce((
  select ${limitJson("c", "s")}
  from concurrency_limits c join environment_slots s on s.environment_id = c.environment_id
  where c.environment_id = $1 and c.name = $2), 'null'::json)::text`;

export const findLimit = async (
  db: Database,
  environmentId: string,
  name: string,
): Promise<LimitRow | null> => LimitRow.nullable().parse(await db.call(findStatement, [environmentId, name]));

export const LimitKeyRow = z.object({
  name: z.string(),
  concurrencyKey: z.string(),
  perKey: z.int().nullable(),
  override: z.int().nullable(),
  expiresAt: z.string().nullable(),
  environmentLimit: z.int(),
  running: z.int(),
  paused: z.boolean(),
});
export type LimitKeyRow = z.infer<typeof LimitKeyRow>;

/** A limit as one key has it. Names as above; `k` the key's row of limit_slots, all null when it has none. */
export const limitKeyJson = (c: string, s: string, k: string, key: string): string => `json_build_object(
  'name', ${c}.name, 'concurrencyKey', ${key}::text, 'perKey', coalesce(${c}.per_key_override, ${c}.per_key),
  'override', case when ${k}.override_expires_at > (select app_now()) then ${k}.override_max end,
  'expiresAt', case when ${k}.override_expires_at > (select app_now()) then ${k}.override_expires_at end,
  'environmentLimit', ${s}.concurrency_limit, 'running', coalesce(${k}.running, 0), 'paused', ${c}.paused)`;

const findKeyStatement = `
select coalesce((
  select ${limitKeyJson("c", "s", "k", "$3")}
  from concurrency_limits c
  join environment_slots s on s.environment_id = c.environment_id
  left join limit_slots k on k.limit_id = c.id and not k.is_total and k.concurrency_key = $3
  where c.environment_id = $1 and c.name = $2), 'null'::json)::text`;

export const findLimitKey = async (
  db: Database,
  limit: { environmentId: string; name: string; concurrencyKey: string },
): Promise<LimitKeyRow | null> =>
  LimitKeyRow.nullable().parse(
    await db.call(findKeyStatement, [limit.environmentId, limit.name, limit.concurrencyKey]),
  );
