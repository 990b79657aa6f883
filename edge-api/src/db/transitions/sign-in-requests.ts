import { z } from "zod";
import type { Database } from "../database.ts";
import { plainText } from "../jsonb-text.ts";

const Status = z.enum(["pending", "approved", "refused", "collected"]);
export type SignInStatus = z.infer<typeof Status>;

/* What is over goes along, so that asking often fills nothing. */
const addStatement = `
with gone as (
  delete from sign_in_requests where device_hash in (
    select device_hash from sign_in_requests where expires_at <= (select app_now()) order by expires_at limit 100)
),
made as (
  insert into sign_in_requests (device_hash, user_code_hash, machine, client, expires_at)
  values ($1, $2, $3, $4, (select app_now()) + $5 * interval '1 millisecond')
  on conflict (user_code_hash) do nothing
  returning expires_at
)
select coalesce((select to_json(expires_at) from made), 'null'::json)::text`;

/** Keeps a request. Shape: when it ends; null when its short code is taken. Units: `ttlMs`. */
export const addSignInRequest = async (
  db: Database,
  request: { deviceHash: string; userCodeHash: string; machine: string; client: string },
  ttlMs: number,
): Promise<string | null> =>
  z
    .string()
    .nullable()
    .parse(
      await db.call(addStatement, [
        request.deviceHash,
        request.userCodeHash,
        plainText(request.machine),
        plainText(request.client),
        ttlMs,
      ]),
    );

const Request = z.object({
  machine: z.string(),
  client: z.string(),
  status: Status,
  createdAt: z.string(),
  expiresAt: z.string(),
});
export type SignInRequestRow = z.infer<typeof Request>;

const findStatement = `
select coalesce((
  select json_build_object('machine', machine, 'client', client, 'status', status, 'createdAt', created_at,
    'expiresAt', expires_at)
  from sign_in_requests where user_code_hash = $1 and expires_at > (select app_now())), 'null'::json)::text`;

/** The live request with this short code; null when there is none. */
export const findSignInRequest = async (
  db: Database,
  userCodeHash: string,
): Promise<SignInRequestRow | null> => Request.nullable().parse(await db.call(findStatement, [userCodeHash]));

const Decision = z.object({ moved: z.boolean(), seen: Status.nullable(), isOwn: z.boolean() });

const decideStatement = `
with moved as (
  update sign_in_requests set status = $3, user_id = $2
  where user_code_hash = $1 and status = 'pending' and expires_at > (select app_now())
  returning 1
),
seen as (
  select status, user_id from sign_in_requests where user_code_hash = $1 and expires_at > (select app_now())
)
select json_build_object('moved', exists (select from moved), 'seen', (select status from seen),
  'isOwn', coalesce((select user_id = $2 from seen), false))::text`;

/**
 * A person allows or refuses a request: the first decision stands.
 * Shape: `repeated` when the same person decided the same before. Cost: one round trip.
 */
export const decideSignInRequest = async (
  db: Database,
  userCodeHash: string,
  decision: { userId: string; to: "approved" | "refused" },
): Promise<"moved" | "repeated" | "refused" | "missing"> => {
  const { moved, seen, isOwn } = Decision.parse(
    await db.call(decideStatement, [userCodeHash, decision.userId, decision.to]),
  );
  if (moved) return "moved";
  if (seen === null) return "missing";
  return isOwn && (seen === decision.to || (seen === "collected" && decision.to === "approved"))
    ? "repeated"
    : "refused";
};

const Collected = z.object({
  seen: Status.nullable(),
  hasRoom: z.boolean(),
  made: z.object({ expiresAt: z.string() }).nullable(),
  user: z.object({ id: z.string(), email: z.string(), name: z.string().nullable() }).nullable(),
});

const collectStatement = `
with room as (
  select r.user_id from sign_in_requests r
  where r.device_hash = $1 and r.status = 'approved' and r.expires_at > (select app_now()) and (
    select count(*) from personal_tokens t
    where t.user_id = r.user_id and t.revoked_at is null and (t.expires_at is null or t.expires_at > (select app_now()))
  ) < $5
),
moved as (
  update sign_in_requests r set status = 'collected' from room
  where r.device_hash = $1 and r.status = 'approved'
  returning r.user_id, r.client, r.machine
),
made as (
  insert into personal_tokens (id, user_id, name, token_hash, hint, expires_at)
  select $2, user_id, left(client || ' on ' || machine, 100), $3, $4, (select app_now()) + $6 * interval '1 millisecond' from moved
  returning expires_at
)
select json_build_object(
  'seen', (select status from sign_in_requests where device_hash = $1 and expires_at > (select app_now())),
  'hasRoom', exists (select from room),
  'made', (select json_build_object('expiresAt', expires_at) from made),
  'user', (select json_build_object('id', u.id, 'email', u.email, 'name', u.name) from users u join moved on moved.user_id = u.id))::text`;

/**
 * Turns an approved request into a personal token, once.
 *
 * Shape: `seen` is the status that was found, null for a request that is unknown or over; `made` and `user` are set when
 * this call made the token. An approved request without them: the person has `tokensMax` tokens, or with `hasRoom` another
 * call was first. Cost: one round trip.
 */
export const collectSignInRequest = async (
  db: Database,
  deviceHash: string,
  token: { id: string; tokenHash: string; hint: string; lifeMs: number },
  tokensMax: number,
): Promise<z.infer<typeof Collected>> =>
  Collected.parse(
    await db.call(collectStatement, [
      deviceHash,
      token.id,
      token.tokenHash,
      token.hint,
      tokensMax,
      token.lifeMs,
    ]),
  );
