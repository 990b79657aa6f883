import { z } from "zod";
import type { Database } from "../database.ts";
import { plainText } from "../jsonb-text.ts";

const TokenItem = z.object({
  id: z.string(),
  name: z.string(),
  hint: z.string(),
  status: z.enum(["active", "revoked", "expired"]),
  createdAt: z.string(),
  expiresAt: z.string().nullable(),
  revokedAt: z.string().nullable(),
});
export type PersonalTokenRow = z.infer<typeof TokenItem>;

const rowJson = (table: string) => `json_build_object(
  'id', ${table}.id, 'name', ${table}.name, 'hint', ${table}.hint, 'createdAt', ${table}.created_at,
  'expiresAt', ${table}.expires_at, 'revokedAt', ${table}.revoked_at,
  'status', case when ${table}.revoked_at is not null then 'revoked'
    when ${table}.expires_at <= (select app_now()) then 'expired' else 'active' end)`;

const addStatement = `
with made as (
  insert into personal_tokens (id, user_id, name, token_hash, hint, expires_at)
  select $1, $2, $3, $4, $5, $6::timestamptz
  where (
    select count(*) from personal_tokens t
    where t.user_id = $2 and t.revoked_at is null and (t.expires_at is null or t.expires_at > (select app_now()))
  ) < $7
  returning *
)
select coalesce((select ${rowJson("made")} from made), 'null'::json)::text`;

/** Keeps a token's hash and its last four characters. Errors: null when the person has `tokensMax` that work. */
export const addPersonalToken = async (
  db: Database,
  token: {
    id: string;
    userId: string;
    name: string;
    tokenHash: string;
    hint: string;
    expiresAt: string | null;
  },
  tokensMax: number,
): Promise<PersonalTokenRow | null> =>
  TokenItem.nullable().parse(
    await db.call(addStatement, [
      token.id,
      token.userId,
      plainText(token.name),
      token.tokenHash,
      token.hint,
      token.expiresAt,
      tokensMax,
    ]),
  );

const revokeStatement = `
with moved as (
  update personal_tokens set revoked_at = coalesce(revoked_at, (select app_now())) where id = $1 and user_id = $2 returning *
)
select coalesce((
  select json_build_object('row', ${rowJson("moved")}, 'tokenHash', moved.token_hash) from moved), 'null'::json)::text`;

/** Ends a person's token. Errors: null when they have no such token. */
export const revokePersonalToken = async (
  db: Database,
  token: { id: string; userId: string },
): Promise<{ row: PersonalTokenRow; tokenHash: string } | null> =>
  z
    .object({ row: TokenItem, tokenHash: z.string() })
    .nullable()
    .parse(await db.call(revokeStatement, [token.id, token.userId]));

const listStatement = `
select coalesce(json_agg(${rowJson("t")} order by t.id desc), '[]')::text
from (select * from personal_tokens where user_id = $1 order by id desc limit 500) t`;

/** The newest five hundred tokens of a person, also those that ended. */
export const listPersonalTokens = async (db: Database, userId: string): Promise<PersonalTokenRow[]> =>
  z.array(TokenItem).parse(await db.call(listStatement, [userId]));
