import { drizzle } from "drizzle-orm/node-postgres";
import pg from "pg";
import { type Database, readJson } from "../db/database.ts";
import { retryConflicts } from "../db/retry-conflicts.ts";

/**
 * Every statement of the engine finds its rows by an index, and is planned once for each connection. A plan made while
 * the tables were still empty must be the right one when they are not: without these settings Postgres would choose to
 * read whole tables then, and keep doing so until they are next analysed.
 */
export const sessionSettings =
  "set enable_seqscan = off; set enable_bitmapscan = off; set jit = off; set plan_cache_mode = force_generic_plan";

/**
 * Postgres over TCP through a pool of connections, for Node.
 *
 * Units: `connectionsMax` connections. Errors: those of the driver; conflicts between statements are retried.
 */
export const openPg = (
  url: string,
  options: { connectionsMax: number; onError: (error: Error) => void },
): { db: Database; pool: pg.Pool; close(): Promise<void> } => {
  const pool = new pg.Pool({
    connectionString: url,
    max: options.connectionsMax,
    onConnect: async (client) => {
      await client.query(sessionSettings);
    },
  });
  // A connection that dies while idle must not take the process with it; the next query opens another.
  pool.on("error", options.onError);
  // Named once per text, so that each connection plans a statement a single time.
  const names = new Map<string, string>();
  const nameOf = (text: string): string => {
    const known = names.get(text) ?? `s${names.size}`;
    names.set(text, known);
    return known;
  };
  const call = (text: string, values: readonly unknown[]) =>
    retryConflicts(async () => {
      const result = await pool.query({ name: nameOf(text), text, values: [...values], rowMode: "array" });
      return readJson(result.rows);
    });
  return { db: { call, read: drizzle(pool) }, pool, close: () => pool.end() };
};
