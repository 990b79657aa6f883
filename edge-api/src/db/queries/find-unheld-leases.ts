import type { HeldRun } from "@longshore/shared/contract/agent-protocol";
import { z } from "zod";
import type { Database } from "../database.ts";
import { jsonbText } from "../jsonb-text.ts";

const Unheld = z.object({
  runId: z.string(),
  epoch: z.int(),
  phase: z.enum(["leased", "executing", "waiting", "queued"]),
});
export type UnheldLease = z.infer<typeof Unheld>;

/*
 * A process that has acknowledged a lease has its boot id in the row: one statement writes both. So while an earlier one
 * stands there, every acknowledged lease is an earlier process's; and a first request that comes late or twice finds its
 * own id and touches nothing that has begun since. A run that waits, or is queued for the agent, was begun by it, and its
 * process is kept nowhere else.
 */

const statement = `
with earlier as (
  select id from agents where id = $1 and boot_id < $2 and revoked_at is null
),
kept as (
  select l.run_id, l.epoch, l.phase from leases l where l.agent_id in (select id from earlier) and l.acked
  union all
  select r.id, r.lease_epoch, r.state from runs r
  where r.waiting_agent_id is not null and r.waiting_agent_id in (select id from earlier)
)
select coalesce(json_agg(json_build_object('runId', k.run_id, 'epoch', k.epoch, 'phase', k.phase) order by k.run_id), '[]')::text
from kept k
where not exists (
  select from jsonb_to_recordset($3::jsonb) as h("runId" text, epoch int)
  where h."runId" = k.run_id and h.epoch >= k.epoch)`;

/**
 * What an agent's earlier processes had acknowledged, or kept while it waited, and its new one does not hold; nothing once a claim has made the new
 * one known.
 *
 * Cost: one round trip.
 */
export const findUnheldLeases = async (
  db: Database,
  agent: { agentId: string; bootId: string; held: readonly HeldRun[] },
): Promise<UnheldLease[]> =>
  z.array(Unheld).parse(await db.call(statement, [agent.agentId, agent.bootId, jsonbText(agent.held)]));
