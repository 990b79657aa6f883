import { z } from "zod";
import type { Database } from "../database.ts";

const Key = z.object({ environmentId: z.string(), scopes: z.array(z.string()).nullable() });
export type KeyRow = z.infer<typeof Key>;

const keyStatement = `
select coalesce((
  select json_build_object('environmentId', environment_id, 'scopes', scopes)
  from api_keys
  where key_hash = $1 and revoked_at is null and (expires_at is null or expires_at > app_now())), 'null'::json)::text`;

/** The environment and scopes of a live API key; null for any other text. */
export const findApiKey = async (db: Database, keyHash: string): Promise<KeyRow | null> =>
  Key.nullable().parse(await db.call(keyStatement, [keyHash]));

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
