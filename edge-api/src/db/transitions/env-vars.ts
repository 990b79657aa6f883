import { z } from "zod";
import type { Database } from "../database.ts";
import { jsonbText } from "../jsonb-text.ts";

/** A variable as it is kept. `isSecret` null: as it was, or not. */
export type SealedVar = { name: string; sealed: string; keyId: string; isSecret: boolean | null };
export type EnvVarLimits = { countMax: number; sealedMax: number };

const Written = z.object({ fits: z.boolean(), written: z.int() });

const writeStatement = `
with input as (
  select * from jsonb_to_recordset($2::jsonb) as i("name" text, "sealed" text, "keyId" text, "isSecret" boolean)
),
standing as (
  select count(*) as count, coalesce(sum(length(sealed)), 0) as size from env_vars
  where environment_id = $1 and name not in (select "name" from input)
),
fits as (
  select count + (select count(*) from input) <= $4
    and size + (select coalesce(sum(length("sealed")), 0) from input) <= $5 as ok
  from standing
),
written as (
  insert into env_vars (environment_id, name, sealed, key_id, is_secret)
  select $1, "name", "sealed", "keyId", coalesce("isSecret", false) from input where (select ok from fits)
  on conflict (environment_id, name) do update
    set sealed = excluded.sealed, key_id = excluded.key_id, updated_at = (select app_now()),
      is_secret = coalesce((select "isSecret" from input where "name" = env_vars.name), env_vars.is_secret)
    where $3::boolean
  returning 1
)
select json_build_object('fits', (select ok from fits), 'written', (select count(*) from written))::text`;

/** Sets variables; those that exist are left alone unless `override`. Nothing is written when they do not all fit. */
export const writeEnvVars = async (
  db: Database,
  environmentId: string,
  input: { vars: readonly SealedVar[]; override: boolean; limits: EnvVarLimits },
): Promise<z.infer<typeof Written>> =>
  Written.parse(
    await db.call(writeStatement, [
      environmentId,
      jsonbText(input.vars),
      input.override,
      input.limits.countMax,
      input.limits.sealedMax,
    ]),
  );

const updateStatement = `
with known as (
  select v.is_secret from environments e
  join env_vars v on v.environment_id in (e.id, e.parent_environment_id) and v.name = $2
  where e.id = $1
  order by v.environment_id = e.id desc limit 1
),
written as (
  insert into env_vars (environment_id, name, sealed, key_id, is_secret)
  select $1, $2, $3, $4, is_secret from known
  on conflict (environment_id, name) do update
    set sealed = excluded.sealed, key_id = excluded.key_id, updated_at = (select app_now())
  returning 1
)
select exists (select from written)::text`;

/** Changes a variable's value; one that is inherited gets a value of its own. Errors: false when there is none. */
export const updateEnvVar = async (
  db: Database,
  environmentId: string,
  value: Omit<SealedVar, "isSecret">,
): Promise<boolean> =>
  z.boolean().parse(await db.call(updateStatement, [environmentId, value.name, value.sealed, value.keyId]));

const deleteStatement = `
with gone as (delete from env_vars where environment_id = $1 and name = $2 returning 1)
select exists (select from gone)::text`;

/** Errors: false when the environment itself has no such variable. */
export const deleteEnvVar = async (db: Database, environmentId: string, name: string): Promise<boolean> =>
  z.boolean().parse(await db.call(deleteStatement, [environmentId, name]));

const EnvVarRow = z.object({
  environmentId: z.string(),
  name: z.string(),
  sealed: z.string(),
  keyId: z.string(),
  isSecret: z.boolean(),
});
export type EnvVarRow = z.infer<typeof EnvVarRow>;

const readStatement = `
select coalesce(json_agg(json_build_object('environmentId', environment_id, 'name', name, 'sealed', sealed,
  'keyId', key_id, 'isSecret', is_secret) order by name), '[]')::text
from (
  select distinct on (v.name) v.* from environments e
  join env_vars v on v.environment_id in (e.id, e.parent_environment_id)
  where e.id = $1
  order by v.name, v.environment_id = e.id desc
) v`;

/** An environment's variables, sealed, with those that a branch inherits. */
export const readEnvVars = async (db: Database, environmentId: string): Promise<EnvVarRow[]> =>
  z.array(EnvVarRow).parse(await db.call(readStatement, [environmentId]));

const findStatement = `
select coalesce(json_agg(json_build_object('environmentId', environment_id, 'name', name, 'sealed', sealed,
  'keyId', key_id, 'isSecret', is_secret)), '[]')::text
from (select * from env_vars where key_id in (select jsonb_array_elements_text($1::jsonb)) limit $2) v`;

/** Some variables that were sealed by one of these keys. Cost: a look at the whole table, which is small. */
export const findVarsOfKeys = async (
  db: Database,
  keyIds: readonly string[],
  count: number,
): Promise<EnvVarRow[]> => z.array(EnvVarRow).parse(await db.call(findStatement, [jsonbText(keyIds), count]));

const resealStatement = `
with input as (
  select * from jsonb_to_recordset($1::jsonb) as i(
    "environmentId" text, "name" text, "old" text, "sealed" text, "keyId" text)
),
moved as (
  update env_vars v set sealed = i."sealed", key_id = i."keyId"
  from input i
  where v.environment_id = i."environmentId" and v.name = i."name" and v.sealed = i."old"
  returning 1
)
select (select count(*) from moved)::text`;

/** Puts the same values under another key. One that was changed meanwhile keeps its change. */
export const resealEnvVars = async (
  db: Database,
  rows: readonly { environmentId: string; name: string; old: string; sealed: string; keyId: string }[],
): Promise<number> => z.int().parse(await db.call(resealStatement, [jsonbText(rows)]));

const parentStatement = `
select coalesce((select to_json(parent_environment_id) from environments where id = $1), 'null'::json)::text`;

/** The preview environment that a branch belongs to; null for any other. */
export const findParentEnvironment = async (db: Database, environmentId: string): Promise<string | null> =>
  z
    .string()
    .nullable()
    .parse(await db.call(parentStatement, [environmentId]));
