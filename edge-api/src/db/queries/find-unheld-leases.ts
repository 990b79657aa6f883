import type { HeldRun } from "@longshore/shared/contract/agent-protocol";
import { z } from "zod";
import type { Database } from "../database.ts";
import { jsonbText } from "../jsonb-text.ts";

const Unheld = z.object({ runId: z.string(), epoch: z.int(), phase: z.enum(["leased", "executing"]) });
export type UnheldLease = z.infer<typeof Unheld>;

/*
 * A process that has acknowledged a lease has its boot id in the row: one statement writes both. So while an earlier one
 * stands there, every acknowledged lease is an earlier process's; and a first request that comes late or twice finds its
 * own id and touches nothing that has begun since.
 */

const statement = `
select coalesce(json_agg(json_build_object('runId', l.run_id, 'epoch', l.epoch, 'phase', l.phase) order by l.run_id), '[]')::text
from leases l join agents a on a.id = l.agent_id
where a.id = $1 and a.boot_id < $2 and a.revoked_at is null
  and l.acked
  and not exists (
    select from jsonb_to_recordset($3::jsonb) as h("runId" text, epoch int)
    where h."runId" = l.run_id and h.epoch >= l.epoch)`;

/**
 * What an agent's earlier processes had acknowledged and its new one does not hold; nothing once a claim has made the new
 * one known.
 *
 * Cost: one round trip.
 */
export const findUnheldLeases = async (
  db: Database,
  agent: { agentId: string; bootId: string; held: readonly HeldRun[] },
): Promise<UnheldLease[]> =>
  z.array(Unheld).parse(await db.call(statement, [agent.agentId, agent.bootId, jsonbText(agent.held)]));
