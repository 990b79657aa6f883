import { sql } from "drizzle-orm";
import { type AnyPgColumn, timestamp } from "drizzle-orm/pg-core";

/*
 * Ids are text that sorts by time (core/ids.ts). Tables under "hot" are narrow and hold live work only; `runs` is the
 * record and could be partitioned by ranges of its id. No foreign keys between hot tables and the record: their rows are
 * written by the same statement, and a key would add a shared lock to every trigger.
 */

/** A time with its zone, read as text. */
export const at = (name: string) => timestamp(name, { withTimezone: true, mode: "string" });

/** When a row was made, by the database's clock. */
export const createdAt = () => at("created_at").notNull().default(sql`app_now()`);

/** A CHECK that a text column holds one of these words. */
export const oneOf = (column: AnyPgColumn, values: readonly string[]) =>
  sql`${column} in (${sql.raw(values.map((value) => `'${value}'`).join(", "))})`;
