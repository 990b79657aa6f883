import { z } from "zod";
import type { Database } from "../database.ts";
import { couldSpeak, isSilent } from "./silence-fragments.ts";

const LostLease = z.object({
  runId: z.string(),
  epoch: z.int(),
  phase: z.enum(["leased", "executing"]),
  agentId: z.string(),
  agentName: z.string(),
  isSilent: z.boolean(),
});
const Answer = z.object({ leases: z.array(LostLease), silentSince: z.string() });

/*
 * What was not begun is taken back only from agents that were heard that long after they got it: one that was not may have
 * begun it since, and goes on with it until its leases are over.
 */
const statement = `
with silent as (
  select a.id, a.name, ${couldSpeak("a", "$3::float8")} as could_speak
  from agents a where ${isSilent("a", "(select app_now()) - $1 * interval '1 millisecond'")}
),
lost as (
  select l.run_id, l.epoch, l.phase, s.id as agent_id, s.name, true as is_silent from leases l join silent s on s.id = l.agent_id
  where s.could_speak
  union
  select l.run_id, l.epoch, l.phase, a.id, a.name, false
  from agents a cross join lateral (
    select run_id, epoch, phase from leases
    where agent_id = a.id and phase = 'leased' and leased_at < a.beat_at - $2 * interval '1 millisecond'
  ) l
  where a.id not in (select id from silent)
  limit 500
)
select json_build_object(
  'leases', (select coalesce(json_agg(json_build_object(
    'runId', run_id, 'epoch', epoch, 'phase', phase, 'agentId', agent_id, 'agentName', name, 'isSilent', is_silent)), '[]') from lost),
  'silentSince', (select app_now()) - $1 * interval '1 millisecond')::text`;

/**
 * Leases that should end: those of agents not heard for `silentMs`, or for as long as they asked for, and those not begun
 * within `startMs`. `heardMs`: see `couldSpeak`. Cost: one round trip.
 */
export const findLostLeases = async (
  db: Database,
  limits: { silentMs: number; startMs: number; heardMs?: number | null },
): Promise<z.infer<typeof Answer>> =>
  Answer.parse(await db.call(statement, [limits.silentMs, limits.startMs, limits.heardMs ?? null]));
