import { neon, neonConfig } from "@neondatabase/serverless";
import { drizzle } from "drizzle-orm/neon-http";
import { type Database, readJson } from "../db/database.ts";
import { retryConflicts } from "../db/retry-conflicts.ts";

/**
 * Postgres over Neon's HTTP endpoint: one request a statement and no connection to keep, as an edge runtime wants it.
 *
 * `endpoint` names another endpoint that speaks the same protocol.
 */
export const openNeon = (connectionString: string, endpoint: string | undefined): Database => {
  if (endpoint !== undefined) neonConfig.fetchEndpoint = endpoint;
  const sql = neon(connectionString);
  const call = (text: string, values: readonly unknown[]) =>
    retryConflicts(async () => readJson(await sql.query(text, [...values], { arrayMode: true })));
  return { call, read: drizzle(sql) };
};
