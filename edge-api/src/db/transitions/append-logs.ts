import type { LogLine } from "@longshore/shared/contract/runs";
import type { Database } from "../database.ts";
import { jsonbText } from "../jsonb-text.ts";

const statement = `
with lines as (
  select * from jsonb_to_recordset($2::jsonb) as f(
    "runId" text, epoch int, attempt int, seq int, at timestamptz, level text, stream text, message text, attributes jsonb)
),
held as (
  select id, lease_epoch from runs
  where id in (select "runId" from lines) and home_agent_id = $1
),
added as (
  insert into run_logs (run_id, attempt, seq, at, level, stream, message, attributes)
  select l."runId", l.attempt, l.seq, l.at, l.level, l.stream, l.message, l.attributes
  from lines l join held h on h.id = l."runId" and h.lease_epoch >= l.epoch
  on conflict do nothing
  returning 1
)
select (select count(*) from added)::text`;

export type LogRow = Pick<
  LogLine,
  "attempt" | "seq" | "at" | "level" | "stream" | "message" | "attributes"
> & {
  runId: string;
  epoch: number;
};

/**
 * Stores captured lines of runs that this agent executes or executed last. A line that is there already stays; a
 * repeated report adds nothing twice. Cost: one round trip.
 */
export const appendLogs = async (db: Database, agentId: string, rows: readonly LogRow[]): Promise<void> => {
  await db.call(statement, [agentId, jsonbText(rows)]);
};
