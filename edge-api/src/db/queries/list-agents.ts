import { AgentItem } from "@longshore/shared/contract/dashboard";
import { z } from "zod";
import type { Database } from "../database.ts";

/** The same as on the wire, its times as the database writes them. */
const AgentRow = AgentItem.omit({ silence: true }).extend({
  lastSeenAt: z.string().nullable(),
  enrolledAt: z.string(),
  lastError: z.object({ at: z.string(), message: z.string() }).nullable(),
  leaseMs: z.int().nullable(),
});
export type AgentListRow = z.infer<typeof AgentRow>;

const statement = `
select coalesce(json_agg(json_build_object(
  'id', a.id, 'name', a.name, 'version', a.version, 'runtime', a.runtime, 'slots', a.slots, 'labels', a.labels,
  'status', case when a.revoked_at is not null then 'revoked'
    when coalesce(a.beat_at < (select app_now()) - $2 * interval '1 millisecond', true) then 'offline'
    when a.draining or a.drains_itself then 'draining' else 'online' end,
  'isDrained', a.draining, 'drainsItself', a.drains_itself, 'warm', a.warm, 'heldBack', a.held_back,
  'lastError', case when a.last_error is not null
    then json_build_object('at', a.last_error_at, 'message', a.last_error) end,
  'leased', (select count(*) from leases l where l.agent_id = a.id and l.phase = 'leased'),
  'executing', (select count(*) from leases l where l.agent_id = a.id and l.phase = 'executing'),
  'waiting', (select count(*) from runs r where r.waiting_agent_id = a.id),
  'lastSeenAt', a.beat_at, 'leaseMs', a.lease_ms, 'enrolledAt', a.enrolled_at) order by a.name, a.id), '[]')::text
from agents a
where a.pool_id = (select pool_id from environments where id = $1)
  and (a.revoked_at is null or a.revoked_at > (select app_now()) - interval '7 days')`;

/** The agents of the pool that serves an environment. Units: online when heard within `onlineMs`. */
export const listAgentsOfPool = async (
  db: Database,
  environmentId: string,
  onlineMs: number,
): Promise<AgentListRow[]> => z.array(AgentRow).parse(await db.call(statement, [environmentId, onlineMs]));
