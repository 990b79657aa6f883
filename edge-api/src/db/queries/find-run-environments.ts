import { inArray } from "drizzle-orm";
import type { Database } from "../database.ts";
import { runs } from "../schema/record.ts";

/** The environment of each of these runs that there is. Cost: one round trip. */
export const findRunEnvironments = async (
  db: Database,
  runIds: readonly string[],
): Promise<Map<string, string>> => {
  const rows = await db.read
    .select({ id: runs.id, environmentId: runs.environmentId })
    .from(runs)
    .where(inArray(runs.id, [...runIds]));
  return new Map(rows.map(({ id, environmentId }) => [id, environmentId]));
};
