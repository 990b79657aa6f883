import { z } from "zod";
import type { Database } from "../database.ts";

const LostLease = z.object({
  runId: z.string(),
  epoch: z.int(),
  phase: z.enum(["leased", "executing"]),
  agentName: z.string(),
  isSilent: z.boolean(),
});
const Answer = z.object({ leases: z.array(LostLease), silentSince: z.string() });

const statement = `
with silent as (
  select id, name from agents where beat_at < (select app_now()) - $1 * interval '1 millisecond'
),
lost as (
  select l.run_id, l.epoch, l.phase, s.name, true as is_silent from leases l join silent s on s.id = l.agent_id
  union
  select l.run_id, l.epoch, l.phase, a.name, false
  from agents a cross join lateral (
    select run_id, epoch, phase from leases
    where agent_id = a.id and phase = 'leased' and leased_at < (select app_now()) - $2 * interval '1 millisecond'
  ) l
  where a.id not in (select id from silent)
  limit 500
)
select json_build_object(
  'leases', (select coalesce(json_agg(json_build_object(
    'runId', run_id, 'epoch', epoch, 'phase', phase, 'agentName', name, 'isSilent', is_silent)), '[]') from lost),
  'silentSince', (select app_now()) - $1 * interval '1 millisecond')::text`;

/**
 * Leases that should end: those of agents not heard for `silentMs`, and those not begun within `startMs`.
 * Cost: one round trip.
 */
export const findLostLeases = async (
  db: Database,
  limits: { silentMs: number; startMs: number },
): Promise<z.infer<typeof Answer>> =>
  Answer.parse(await db.call(statement, [limits.silentMs, limits.startMs]));
