import { z } from "zod";
import type { Database } from "../database.ts";
import { endsDue, settleFinals, wakeParents } from "./fragments.ts";
import { HintsDue } from "./move-result.ts";

const Answer = z.object({ count: z.int(), hints: HintsDue });
type ExpiredRuns = z.infer<typeof Answer>;

/** `due(id)`: runs whose queue entries it has locked. Who takes a queued run deletes its entry first, as a claim does. */
const statementFor = (due: string): string => `
with due as (${due}),
dropped as (
  delete from queue_entries q using due d where q.run_id = d.id returning q.run_id
),
finals as (
  update runs r
  set state = 'expired', expires_at = null, finished_at = (select app_now()), updated_at = (select app_now()),
      error = jsonb_build_object('type', 'STRING_ERROR',
        'raw', 'The run expired: it was not started within its time to live.')
  from dropped d
  where r.id = d.run_id and r.state = 'queued' and r.attempt = 0
  returning r.id, r.environment_id, r.task_slug, r.idempotency_key, r.state, r.output, r.output_type, r.error
),
logged as (
  insert into run_events (run_id, at, kind, from_state, to_state) select id, (select app_now()), 'expire', 'queued', 'expired' from finals
),
${settleFinals},
${wakeParents}
select json_build_object('count', (select count(*) from finals), 'hints', ${endsDue})::text`;

const statement = statementFor(`
  select r.id from runs r join queue_entries q on q.run_id = r.id
  where r.expires_at <= (select app_now())
  order by r.expires_at
  limit 500
  for update of q skip locked`);

/** Ends queued runs whose time to live is over before they were ever started, up to 500: the move `expire`. */
export const expireRuns = async (db: Database): Promise<ExpiredRuns> =>
  Answer.parse(await db.call(statement, []));

/* Waits for whoever is about to start or to end one of them: the caller goes by what came of it. */
const namedStatement = statementFor(`
  select run_id as id from queue_entries
  where run_id = any($1::text[]) and expires_at <= (select app_now())
  order by run_id
  for update`);

/**
 * The same for those of the named runs that are due, at once: for who needs what one of them still holds. A run that was taken
 * meanwhile is left as it is.
 */
export const expireNamedRuns = async (db: Database, runIds: readonly string[]): Promise<ExpiredRuns> =>
  Answer.parse(await db.call(namedStatement, [runIds]));
