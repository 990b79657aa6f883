import type { Database } from "../database.ts";
import { jsonbText } from "../jsonb-text.ts";

/** What became of an end that a finaliser was due for. `blocked`: something stood in the way; it comes due again. */
export type SettledFinaliser = { runId: string; kind: "over" | "blocked" };

/** How long one that was blocked is left alone. */
const pause = "30 seconds";

const statement = `
with facts as (
  select f."runId" as run_id, f.kind from jsonb_to_recordset($1::jsonb) as f("runId" text, kind text)
),
locked as (
  select d.run_id from due_finalisers d where d.run_id in (select run_id from facts) order by d.run_id for update
),
over as (
  delete from due_finalisers d using facts f
  where d.run_id = f.run_id and f.kind = 'over' and d.run_id in (select run_id from locked)
),
put_off as (
  update due_finalisers d set due_at = (select app_now()) + interval '${pause}'
  from facts f
  where d.run_id = f.run_id and f.kind = 'blocked' and d.run_id in (select run_id from locked)
)
select 'null'`;

/** Crosses off the ends whose finaliser runs exist, and puts off those that were blocked. Cost: one round trip. */
export const settleFinalisers = async (db: Database, settled: readonly SettledFinaliser[]): Promise<void> => {
  await db.call(statement, [jsonbText(settled)]);
};
