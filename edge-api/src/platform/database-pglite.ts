import { PGlite } from "@electric-sql/pglite";
import { drizzle } from "drizzle-orm/pglite";
import { type Database, readJson } from "../db/database.ts";

/**
 * Postgres inside this process, kept in a folder (or in memory when there is none). One session: statements queue up.
 *
 * Cost: the first start makes the data folder and takes some seconds, later ones under one.
 */
export const openPglite = async (
  dataDir: string | undefined,
): Promise<{ db: Database; pglite: PGlite; close(): Promise<void> }> => {
  const pglite = await PGlite.create(dataDir ?? "memory://");
  const call = async (text: string, values: readonly unknown[]) => {
    const result = await pglite.query<unknown[]>(text, [...values], { rowMode: "array" });
    return readJson(result.rows);
  };
  return { db: { call, read: drizzle(pglite) }, pglite, close: () => pglite.close() };
};
