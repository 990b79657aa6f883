import { z } from "zod";
import type { Database } from "../database.ts";
import { jsonbText, plainText } from "../jsonb-text.ts";

const KeyItem = z.object({
  id: z.string(),
  name: z.string(),
  hint: z.string(),
  scopes: z.array(z.string()).nullable(),
  status: z.enum(["active", "grace", "revoked", "expired"]),
  createdAt: z.string(),
  expiresAt: z.string().nullable(),
  revokedAt: z.string().nullable(),
  graceUntil: z.string().nullable(),
});
export type ApiKeyRow = z.infer<typeof KeyItem>;

const rowJson = (table: string) => `json_build_object(
  'id', ${table}.id, 'name', ${table}.name, 'hint', ${table}.hint, 'scopes', ${table}.scopes,
  'createdAt', ${table}.created_at, 'expiresAt', ${table}.expires_at, 'revokedAt', ${table}.revoked_at,
  'graceUntil', case when ${table}.revoked_at is not null then ${table}.grace_until end,
  'status', case
    when ${table}.expires_at <= (select app_now()) then 'expired'
    when ${table}.revoked_at is null then 'active'
    when ${table}.grace_until > (select app_now()) then 'grace'
    else 'revoked' end)`;

const addStatement = `
with made as (
  insert into api_keys (id, environment_id, name, key_hash, hint, scopes, expires_at)
  select $1, $2, $3, $4, $5,
    case when $6::jsonb = 'null'::jsonb then null else array(select jsonb_array_elements_text($6::jsonb)) end,
    $7::timestamptz
  where (
    select count(*) from api_keys k
    where k.environment_id = $2 and k.revoked_at is null and (k.expires_at is null or k.expires_at > (select app_now()))
  ) < $8
  returning *
)
select coalesce((select ${rowJson("made")} from made), 'null'::json)::text`;

export type NewApiKey = {
  id: string;
  environmentId: string;
  name: string;
  keyHash: string;
  hint: string;
  scopes: readonly string[] | null;
  expiresAt: string | null;
};

/** Keeps a key's hash and its last four characters. Errors: null when the environment has `keysMax` that work. */
export const addApiKey = async (db: Database, key: NewApiKey, keysMax: number): Promise<ApiKeyRow | null> =>
  KeyItem.nullable().parse(
    await db.call(addStatement, [
      key.id,
      key.environmentId,
      plainText(key.name),
      key.keyHash,
      key.hint,
      jsonbText(key.scopes),
      key.expiresAt,
      keysMax,
    ]),
  );

/* A second revocation may shorten the grace, never prolong it. */
const revokeStatement = `
with moved as (
  update api_keys set revoked_at = coalesce(revoked_at, (select app_now())),
    grace_until = case when revoked_at is null then (select app_now()) + $3 * interval '1 second'
      else least(grace_until, (select app_now()) + $3 * interval '1 second') end
  where id = $1 and environment_id = $2
  returning *
)
select coalesce((
  select json_build_object('row', ${rowJson("moved")}, 'keyHash', moved.key_hash) from moved), 'null'::json)::text`;

/** Ends a key, at once or after a grace. Units: `graceS` seconds. Errors: null when the environment has no such key. */
export const revokeApiKey = async (
  db: Database,
  key: { id: string; environmentId: string },
  graceS: number,
): Promise<{ row: ApiKeyRow; keyHash: string } | null> =>
  z
    .object({ row: KeyItem, keyHash: z.string() })
    .nullable()
    .parse(await db.call(revokeStatement, [key.id, key.environmentId, graceS]));

const listStatement = `
select coalesce(json_agg(${rowJson("k")} order by k.id desc), '[]')::text
from (select * from api_keys where environment_id = $1 order by id desc limit 500) k`;

/** The newest five hundred keys of an environment, also those that ended. */
export const listApiKeys = async (db: Database, environmentId: string): Promise<ApiKeyRow[]> =>
  z.array(KeyItem).parse(await db.call(listStatement, [environmentId]));
