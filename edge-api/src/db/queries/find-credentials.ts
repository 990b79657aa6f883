import { z } from "zod";
import type { Database } from "../database.ts";

const Key = z.object({
  id: z.string(),
  environmentId: z.string().nullable(),
  scopes: z.array(z.string()).nullable(),
  endsInMs: z.number().nullable(),
});
export type KeyRow = z.infer<typeof Key>;

const endsInMs = `1000 * extract(epoch from
  least(k.expires_at, case when k.revoked_at is not null then k.grace_until end) - (select app_now()))`;
const isLive = `
  (k.revoked_at is null or k.grace_until > (select app_now()))
  and (k.expires_at is null or k.expires_at > (select app_now()))`;

/*
 * A key of a preview environment opens the branch that the caller names, and one of development the session of that name
 * if there is one; any other key ignores the name.
 */
const keyStatement = `
select coalesce((
  select json_build_object('id', k.id, 'scopes', k.scopes,
    'environmentId', case
      when e.parent_environment_id is not null or $2::text is null then e.id
      when e.type = 'preview' then b.id
      when e.type = 'development' then coalesce(b.id, e.id)
      else e.id end,
    'endsInMs', ${endsInMs})
  from api_keys k join environments e on e.id = k.environment_id
  left join environments b on b.parent_environment_id = e.id and b.branch_name = $2 and b.archived_at is null
  where k.key_hash = $1 and ${isLive}), 'null'::json)::text`;

/**
 * The environment and scopes of an API key that works, also in its grace; null for any other text.
 * Shape: `environmentId` null when its preview environment has no such branch. Units: `endsInMs` until it ends by itself.
 */
export const findApiKey = async (
  db: Database,
  keyHash: string,
  branch: string | null,
): Promise<KeyRow | null> => Key.nullable().parse(await db.call(keyStatement, [keyHash, branch]));

const KeyEnd = z.object({ endsInMs: z.number().nullable() });

const keyEndStatement = `
select coalesce((
  select json_build_object('endsInMs', ${endsInMs}) from api_keys k where k.id = $1 and ${isLive}), 'null'::json)::text`;

/** When an API key ends by itself; null when it does not work any more. Units: `endsInMs` until then. */
export const findKeyEnd = async (db: Database, keyId: string): Promise<z.infer<typeof KeyEnd> | null> =>
  KeyEnd.nullable().parse(await db.call(keyEndStatement, [keyId]));

const Person = z.object({ id: z.string(), userId: z.string(), endsInMs: z.number().nullable() });
export type PersonRow = z.infer<typeof Person>;

const personStatement = `
select coalesce((
  select json_build_object('id', id, 'userId', user_id, 'endsInMs', 1000 * extract(epoch from expires_at - (select app_now())))
  from personal_tokens
  where token_hash = $1 and revoked_at is null and (expires_at is null or expires_at > (select app_now()))), 'null'::json)::text`;

/** Whose a live personal token is; null for any other text. Units: `endsInMs` until it ends by itself. */
export const findPersonalToken = async (db: Database, tokenHash: string): Promise<PersonRow | null> =>
  Person.nullable().parse(await db.call(personStatement, [tokenHash]));

const leaseStatement = `
select exists (
  select from runs r
  where r.id = $1 and r.lease_epoch = $2 and r.environment_id = $3
    and (r.state in ('leased', 'executing', 'waiting') or r.state = 'queued' and r.waiting_agent_id is not null)
)::text`;

/** Whether a run token's lease still stands: the token dies with it. */
export const isLeaseLive = async (
  db: Database,
  lease: { runId: string; epoch: number; environmentId: string },
): Promise<boolean> =>
  z.boolean().parse(await db.call(leaseStatement, [lease.runId, lease.epoch, lease.environmentId]));

const agentStatement = `
select coalesce((
  select json_build_object('id', id, 'poolId', pool_id, 'publicKey', public_key, 'isRevoked', revoked_at is not null)
  from agents where id = $1), 'null'::json)::text`;

const Agent = z.object({ id: z.string(), poolId: z.string(), publicKey: z.string(), isRevoked: z.boolean() });
export type AgentRow = z.infer<typeof Agent>;

/** An agent's pool and public key; null when it was never enrolled. */
export const findAgent = async (db: Database, agentId: string): Promise<AgentRow | null> =>
  Agent.nullable().parse(await db.call(agentStatement, [agentId]));
