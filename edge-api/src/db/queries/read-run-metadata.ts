import { z } from "zod";
import type { Database } from "../database.ts";

const Row = z.object({
  id: z.string(),
  version: z.int(),
  metadata: z.record(z.string(), z.unknown()).nullable(),
});
const Family = z.object({ run: Row, parent: Row.nullable(), root: Row.nullable() });
export type MetadataFamily = z.infer<typeof Family>;

const part = (of: string) => `(
  select json_build_object('id', x.id, 'version', x.metadata_version, 'metadata', x.metadata)
  from runs x where x.id = ${of} and x.environment_id = r.environment_id)`;

const statement = `
select coalesce((
  select json_build_object('run', ${part("r.id")}, 'parent', ${part("r.parent_run_id")}, 'root', ${part("r.root_run_id")})
  from runs r where r.id = $1 and r.environment_id = $2), 'null'::json)::text`;

/** The metadata of a run, its parent and its root; null when the environment has no such run. Cost: one round trip. */
export const readRunMetadata = async (
  db: Database,
  environmentId: string,
  runId: string,
): Promise<MetadataFamily | null> =>
  Family.nullable().parse(await db.call(statement, [runId, environmentId]));
