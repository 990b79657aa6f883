import type { HeldRun } from "@longshore/shared/contract/agent-protocol";
import { z } from "zod";
import type { Database } from "../database.ts";
import { jsonbText } from "../jsonb-text.ts";

const Unheld = z.object({ runId: z.string(), epoch: z.int() });

const statement = `
select coalesce(json_agg(json_build_object('runId', l.run_id, 'epoch', l.epoch) order by l.run_id), '[]')::text
from leases l join agents a on a.id = l.agent_id
where a.id = $1 and a.boot_id <= $2 and a.revoked_at is null
  and l.phase = 'executing' and l.acked
  and not exists (
    select from jsonb_to_recordset($3::jsonb) as h("runId" text, epoch int)
    where h."runId" = l.run_id and h.epoch >= l.epoch)`;

/** Attempts that an agent had begun and that its new process does not hold. Cost: one round trip. */
export const findUnheldLeases = async (
  db: Database,
  agent: { agentId: string; bootId: string; held: readonly HeldRun[] },
): Promise<z.infer<typeof Unheld>[]> =>
  z.array(Unheld).parse(await db.call(statement, [agent.agentId, agent.bootId, jsonbText(agent.held)]));
