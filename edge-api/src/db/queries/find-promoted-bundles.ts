import { BundleHash } from "@longshore/shared/contract/deployments";
import { z } from "zod";
import type { Database } from "../database.ts";

const Promoted = z.object({ hash: BundleHash, atMs: z.number() });
/** The bundle of a version, and when it became the current one of its environment. Units: milliseconds. */
export type PromotedBundle = z.infer<typeof Promoted>;

/** A pool has tens of environments, and hundreds where each developer and branch has one. */
const countMax = 16;

const statement = `
select coalesce(json_agg(json_build_object(
  'hash', d.bundle_hash, 'atMs', round(1000 * extract(epoch from e.promoted_at))) order by e.promoted_at desc), '[]')::text
from (
  select current_deployment_id, promoted_at from environments
  where pool_id = $1 and archived_at is null
    and promoted_at > (select app_now()) - $2::float8 * interval '1 millisecond'
  order by promoted_at desc
  limit ${countMax}
) e join deployments d on d.id = e.current_deployment_id`;

/**
 * What became current within `sinceMs` in the environments that a pool serves, the latest first; at most 16.
 * Cost: one round trip.
 */
export const findPromotedBundles = async (
  db: Database,
  poolId: string,
  sinceMs: number,
): Promise<PromotedBundle[]> => z.array(Promoted).parse(await db.call(statement, [poolId, sinceMs]));
