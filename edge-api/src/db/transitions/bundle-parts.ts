import { z } from "zod";
import type { Database } from "../database.ts";

/** A part of an archive, by its environment and hash. */
export type BundlePart = { environmentId: string; hash: string };

const Parts = z.array(z.object({ environmentId: z.string(), hash: z.string() }));

const touchStatement = `
insert into bundle_parts (environment_id, hash) values ($1, $2)
on conflict (environment_id, hash) do update set touched_at = (select app_now())
returning '1'`;

/** Notes that somebody is uploading this part now, which keeps it from the sweep. Cost: one round trip. */
export const touchBundlePart = async (db: Database, part: BundlePart): Promise<void> => {
  await db.call(touchStatement, [part.environmentId, part.hash]);
};

const abandonedStatement = `
select coalesce(json_agg(json_build_object('environmentId', environment_id, 'hash', hash)), '[]')::text
from (
  select environment_id, hash from bundle_parts
  where touched_at <= (select app_now()) - $1 * interval '1 millisecond'
  order by touched_at limit $2
) x`;

/** Parts that nobody touched for `idleMs`, oldest first. Cost: one round trip. */
export const findAbandonedBundleParts = async (
  db: Database,
  idleMs: number,
  count: number,
): Promise<BundlePart[]> => Parts.parse(await db.call(abandonedStatement, [idleMs, count]));

const forgetStatement = `
with gone as (
  delete from bundle_parts p using unnest($1::text[], $2::text[]) as x(environment_id, hash)
  where p.environment_id = x.environment_id and p.hash = x.hash
    and p.touched_at <= (select app_now()) - $3 * interval '1 millisecond'
  returning 1
)
select count(*)::text from gone`;

/** Forgets parts whose bytes are gone, unless they were touched within `idleMs`. Shape: how many. Cost: one round trip. */
export const forgetBundleParts = async (
  db: Database,
  parts: readonly BundlePart[],
  idleMs: number,
): Promise<number> =>
  z
    .int()
    .parse(
      await db.call(forgetStatement, [
        parts.map(({ environmentId }) => environmentId),
        parts.map(({ hash }) => hash),
        idleMs,
      ]),
    );
