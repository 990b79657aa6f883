import { z } from "zod";
import type { Database } from "../database.ts";

const Answer = z.object({
  isDue: z.boolean(),
  isPending: z.boolean(),
  holdsLeases: z.boolean(),
  hasParked: z.boolean(),
  hasWaits: z.boolean(),
  hasBatches: z.boolean(),
  hasBulkActions: z.boolean(),
  hasExpired: z.boolean(),
  hasOldParts: z.boolean(),
  hasChangedLimits: z.boolean(),
});
export type DueWork = z.infer<typeof Answer>;

/* Each is a look at the first row of a small index: true where the statement that would do the work might find some. */
const statement = `
select json_build_object(
  'isDue', exists (select from runs where due_at <= (select app_now())) or exists (select from wait_points where due_at <= (select app_now()))
    or exists (select from runs where expires_at <= (select app_now())) or exists (select from schedules where fire_at <= (select app_now()))
    or exists (select from due_finalisers where due_at <= (select app_now())),
  'isPending', exists (select from runs where lane_id is null and finished_at is null),
  'holdsLeases', exists (select from leases),
  'hasParked', exists (select from runs where waiting_agent_id is not null)
    or exists (select from queue_entries where agent_id is not null),
  'hasWaits', exists (select from runs where waiting_agent_id is not null)
    or exists (select from wait_points where child_run_id is not null and status = 'pending'),
  'hasBatches', exists (select from batches where seal_by <= (select app_now()))
    or exists (select from batches where sealed_at is not null and completed_at is null),
  'hasBulkActions', exists (select from bulk_actions where worked_until <= (select app_now())),
  'hasExpired', exists (select from idempotency_keys where expires_at <= (select app_now()))
    or exists (select from used_tokens where expires_at <= (select app_now())),
  'hasOldParts', exists (select from bundle_parts where touched_at <= (select app_now()) - interval '1 day'),
  'hasChangedLimits', exists (select from queues where changed_at > (select app_now()) - interval '10 minutes')
    or exists (select from concurrency_limits where changed_at > (select app_now()) - interval '10 minutes')
    or exists (select from limit_slots where override_expires_at <= (select app_now())))::text`;

/** Which kinds of work a sweep might find to do, so that an idle system is asked once and not for each. Cost: one round trip. */
export const findDueWork = async (db: Database): Promise<DueWork> =>
  Answer.parse(await db.call(statement, []));
