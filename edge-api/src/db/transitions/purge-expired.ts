import { z } from "zod";
import type { Database } from "../database.ts";

const Answer = z.object({ count: z.int() });

/** Rows of each kind that one call removes. */
const rowsMax = 5_000;

const statement = `
with keys as (
  delete from idempotency_keys k using (
    select environment_id, task_slug, key from idempotency_keys
    where expires_at <= (select app_now())
    order by expires_at
    limit ${rowsMax}
    for update skip locked
  ) x
  where k.environment_id = x.environment_id and k.task_slug = x.task_slug and k.key = x.key
  returning 1
),
tokens as (
  delete from used_tokens t using (
    select token_hash from used_tokens where expires_at <= (select app_now()) order by expires_at limit ${rowsMax}
    for update skip locked
  ) x
  where t.token_hash = x.token_hash
  returning 1
)
select json_build_object('count', (select count(*) from keys) + (select count(*) from tokens))::text`;

/** Removes keys and one-time tokens whose time is over: nothing looks at them any more. Cost: one round trip. */
export const purgeExpired = async (db: Database): Promise<z.infer<typeof Answer>> =>
  Answer.parse(await db.call(statement, []));
