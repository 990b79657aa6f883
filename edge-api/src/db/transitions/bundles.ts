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

const agentStatement = `
select exists (
  select from agents a
  join environments e on e.pool_id = a.pool_id
  join bundles b on b.project_id = e.project_id
  where a.id = $1 and a.revoked_at is null and b.hash = $2)::text`;

/** Whether an agent, not revoked, serves an environment whose project has this bundle: then it may fetch it. */
export const isBundleOfAgent = async (db: Database, agentId: string, hash: string): Promise<boolean> =>
  z.boolean().parse(await db.call(agentStatement, [agentId, hash]));
