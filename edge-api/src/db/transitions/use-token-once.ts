import { z } from "zod";
import type { Database } from "../database.ts";

/* `gone` keeps the table small without a sweep of its own: each use takes a few along that nobody could present any more. */
const statement = `
with used as (
  insert into used_tokens (token_hash, expires_at, used_by) values ($1, to_timestamp($2), $3)
  on conflict (token_hash) do nothing
  returning 1
),
gone as (
  delete from used_tokens
  where token_hash in (
    select token_hash from used_tokens where expires_at < (select app_now()) - interval '1 day' limit 10 for update skip locked)
)
select case
  when exists (select from used) then '"used"'
  when exists (
    select from used_tokens
    where token_hash = $1 and used_by = $3 and used_at > (select app_now()) - $4 * interval '1 millisecond') then '"repeated"'
  else '"refused"' end`;

/**
 * Records the use of a one-time token. `repeated`: the very request that used it came again within `repeatMs`.
 * Two requests at once: one of them uses it. Units: `expiresAtS` in Unix seconds.
 */
export const useTokenOnce = async (
  db: Database,
  use: { tokenHash: string; expiresAtS: number; usedBy: string | null },
  repeatMs: number,
): Promise<"used" | "repeated" | "refused"> =>
  z
    .enum(["used", "repeated", "refused"])
    .parse(await db.call(statement, [use.tokenHash, use.expiresAtS, use.usedBy, repeatMs]));
