import type { Database } from "../database.ts";

const statement = `
with moved as (
  update agents a
  set drains_itself = $3, warm = $4, held_back = $5, last_error = $6, last_error_at = $7::timestamptz
  where a.id = $1 and a.revoked_at is null and a.boot_id <= $2
    and (a.drains_itself, a.warm, a.held_back, a.last_error, a.last_error_at)
      is distinct from ($3::boolean, $4::int, $5::text, $6::text, $7::timestamptz)
  returning 1
)
select (select count(*) from moved)::text`;

/** Writes down what an agent says of itself for people to see. An older process of it changes nothing. Cost: one round trip. */
export const noteAgentView = async (
  db: Database,
  agent: {
    agentId: string;
    bootId: string;
    drainsItself: boolean;
    warm: number;
    heldBack: string | null;
    lastError: { at: string; message: string } | null;
  },
): Promise<void> => {
  const { agentId, bootId, drainsItself, warm, heldBack, lastError } = agent;
  const error = [lastError?.message ?? null, lastError?.at ?? null];
  await db.call(statement, [agentId, bootId, drainsItself, warm, heldBack, ...error]);
};
