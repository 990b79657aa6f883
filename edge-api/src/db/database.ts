import type { PgDatabase, PgQueryResultHKT } from "drizzle-orm/pg-core";

/**
 * Postgres as the rest of the API sees it, whatever driver is behind it.
 *
 * `call` runs one statement whose result is one row with one column of JSON text, and answers that value: the state
 * moves use it, since drivers disagree on how they parse anything else. `read` is drizzle, for reads and plain writes.
 */
export type Database = {
  call(statement: string, parameters: readonly unknown[]): Promise<unknown>;
  read: PgDatabase<PgQueryResultHKT>;
};

/** Reads the one value of a result in rows of arrays. Errors: a result of another shape is a broken invariant. */
export const readJson = (rows: readonly unknown[]): unknown => {
  const row = rows[0];
  const value = Array.isArray(row) ? row[0] : undefined;
  if (typeof value !== "string") throw new Error("a statement answered no JSON text");
  return JSON.parse(value);
};
