import { z } from "zod";
import type { Database } from "../database.ts";
import { plainText } from "../jsonb-text.ts";

const addTokenStatement = `
with made as (
  insert into enrol_tokens (token_hash, pool_id, expires_at)
  select $1, pool_id, $3::timestamptz from environments where id = $2
  returning 1
)
select exists (select from made)::text`;

/** Keeps the hash of a one-time token. Errors: false when there is no such environment. */
export const addEnrolToken = async (
  db: Database,
  token: { tokenHash: string; environmentId: string; expiresAt: string },
): Promise<boolean> =>
  z
    .boolean()
    .parse(await db.call(addTokenStatement, [token.tokenHash, token.environmentId, token.expiresAt]));

const enrolStatement = `
with used as (
  update enrol_tokens set uses_left = uses_left - 1
  where token_hash = $1 and uses_left > 0 and expires_at > (select app_now())
  returning pool_id
),
made as (
  insert into agents (id, pool_id, name, public_key, version, beat_at)
  select $2, pool_id, $3, $4, $5, (select app_now()) from used
  returning pool_id
)
select coalesce((select to_json(pool_id) from made), 'null'::json)::text`;

/** Uses a token up and creates its agent, in one statement. Errors: null when the token is not live. */
export const enrolAgent = async (
  db: Database,
  agent: { agentId: string; tokenHash: string; publicKey: string; name: string; version: string },
): Promise<string | null> =>
  z
    .string()
    .nullable()
    .parse(
      await db.call(enrolStatement, [
        agent.tokenHash,
        agent.agentId,
        plainText(agent.name),
        agent.publicKey,
        plainText(agent.version),
      ]),
    );

const drainStatement = `
with moved as (
  update agents set draining = $3
  where id = $1 and revoked_at is null and pool_id = (select pool_id from environments where id = $2)
  returning pool_id
)
select coalesce((select to_json(pool_id) from moved), 'null'::json)::text`;

/** An agent takes no more runs, or takes them again. Shape: its pool; null when the environment's pool has no such agent. */
export const setAgentDraining = async (
  db: Database,
  agentId: string,
  environmentId: string,
  isDraining: boolean,
): Promise<string | null> =>
  z
    .string()
    .nullable()
    .parse(await db.call(drainStatement, [agentId, environmentId, isDraining]));

const revokeStatement = `
with moved as (
  update agents set revoked_at = coalesce(revoked_at, (select app_now()))
  where id = $1 and pool_id = (select pool_id from environments where id = $2)
  returning 1
)
select exists (select from moved)::text`;

/** Errors: false when the environment's pool has no such agent. */
export const revokeAgent = async (db: Database, agentId: string, environmentId: string): Promise<boolean> =>
  z.boolean().parse(await db.call(revokeStatement, [agentId, environmentId]));
