import type { Database } from "../database.ts";
import { jsonbText } from "../jsonb-text.ts";

type Beat = { agentId: string; ageMs: number };

const statement = `
with beats as (
  select * from jsonb_to_recordset($1::jsonb) as b("agentId" text, "ageMs" float8)
),
moved as (
  update agents a set beat_at = greatest(a.beat_at, (select app_now()) - b."ageMs" * interval '1 millisecond')
  from beats b where a.id = b."agentId" and a.revoked_at is null
  returning 1
)
select (select count(*) from moved)::text`;

/** Writes down, in one statement, when idle agents were last heard: their parked polls cost nothing else. Units: milliseconds ago. */
export const beatAgents = async (db: Database, beats: readonly Beat[]): Promise<void> => {
  await db.call(statement, [jsonbText(beats)]);
};
