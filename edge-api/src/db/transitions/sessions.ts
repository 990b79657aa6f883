import { z } from "zod";
import type { Database } from "../database.ts";

const addSignInStatement = `
with made as (
  insert into sign_in_tokens (token_hash, user_id, expires_at) values ($1, $2, (select app_now()) + $3 * interval '1 millisecond')
)
select 'true'`;

/** Keeps the hash of a one-time sign-in token. */
export const addSignInToken = async (
  db: Database,
  tokenHash: string,
  userId: string,
  ttlMs: number,
): Promise<void> => {
  await db.call(addSignInStatement, [tokenHash, userId, ttlMs]);
};

const signInStatement = `
with used as (
  delete from sign_in_tokens where token_hash = $1 returning user_id, expires_at
),
made as (
  insert into sessions (token_hash, user_id, expires_at)
  select $2, user_id, (select app_now()) + $3 * interval '1 millisecond' from used where expires_at > (select app_now())
  returning user_id
)
select coalesce((select to_json(user_id) from made), 'null'::json)::text`;

/** Turns a sign-in token into a session: once. Errors: null for a token that is unknown, used or expired. */
export const openSession = async (
  db: Database,
  hashes: { tokenHash: string; sessionHash: string },
  ttlMs: number,
): Promise<string | null> =>
  z
    .string()
    .nullable()
    .parse(await db.call(signInStatement, [hashes.tokenHash, hashes.sessionHash, ttlMs]));

const closeStatement = `
with gone as (delete from sessions where token_hash = $1 or expires_at < (select app_now()))
select 'true'`;

/** Ends a session, and takes expired ones along. */
export const closeSession = async (db: Database, sessionHash: string): Promise<void> => {
  await db.call(closeStatement, [sessionHash]);
};

const SessionRow = z.object({
  user: z.object({ id: z.string(), email: z.string(), name: z.string().nullable() }),
  environments: z.array(
    z.object({
      id: z.string(),
      slug: z.string(),
      type: z.enum(["development", "staging", "production", "preview"]),
      projectId: z.string(),
      projectName: z.string(),
      projectRef: z.string(),
      organizationName: z.string(),
    }),
  ),
});
export type SessionRow = z.infer<typeof SessionRow>;

const findStatement = `
select coalesce((
  select json_build_object(
    'user', json_build_object('id', u.id, 'email', u.email, 'name', u.name),
    'environments', (
      select coalesce(json_agg(json_build_object('id', e.id, 'slug', e.slug, 'type', e.type, 'projectId', p.id,
        'projectName', p.name, 'projectRef', p.ref, 'organizationName', o.name) order by o.name, p.name, e.slug), '[]')
      from members m
      join organizations o on o.id = m.organization_id
      join projects p on p.organization_id = o.id
      join environments e on e.project_id = p.id and e.archived_at is null
      where m.user_id = u.id))
  from sessions s join users u on u.id = s.user_id
  where s.token_hash = $1 and s.expires_at > (select app_now())), 'null'::json)::text`;

/** Who a session belongs to and which environments they may see; null when it is over. */
export const findSession = async (db: Database, sessionHash: string): Promise<SessionRow | null> =>
  SessionRow.nullable().parse(await db.call(findStatement, [sessionHash]));
