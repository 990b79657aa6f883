import { z } from "zod";
import type { Database } from "../database.ts";

const addStatement = `
with made as (
  insert into bundles (project_id, hash, size_bytes)
  select project_id, $2, $3::bigint from environments where id = $1
  on conflict do nothing
  returning 1
)
select exists (select from made)::text`;

/** Notes that a project's bundle has arrived. Shape: false when it was there already. */
export const addBundle = async (
  db: Database,
  environmentId: string,
  hash: string,
  sizeBytes: number,
): Promise<boolean> => z.boolean().parse(await db.call(addStatement, [environmentId, hash, sizeBytes]));

const hasStatement = `
select exists (
  select from bundles b join environments e on e.project_id = b.project_id where e.id = $1 and b.hash = $2)::text`;

/** Whether the environment's project has this bundle. */
export const hasBundle = async (db: Database, environmentId: string, hash: string): Promise<boolean> =>
  z.boolean().parse(await db.call(hasStatement, [environmentId, hash]));

const poolStatement = `
select exists (
  select from environments e join bundles b on b.project_id = e.project_id
  where e.pool_id = $1 and b.hash = $2)::text`;

/** Whether a pool serves an environment whose project has this bundle: then its agents may fetch it. */
export const isBundleOfPool = async (db: Database, poolId: string, hash: string): Promise<boolean> =>
  z.boolean().parse(await db.call(poolStatement, [poolId, hash]));
