import { fileURLToPath } from "node:url";
import type { PGlite } from "@electric-sql/pglite";
import { drizzle as drizzlePg } from "drizzle-orm/node-postgres";
import { migrate as migratePg } from "drizzle-orm/node-postgres/migrator";
import { drizzle as drizzlePglite } from "drizzle-orm/pglite";
import { migrate as migratePglite } from "drizzle-orm/pglite/migrator";
import type pg from "pg";

/** Any constant: whoever migrates this database takes this advisory lock first. */
const lockKey = 7_316_025;

const defaultFolder = fileURLToPath(new URL("../../migrations", import.meta.url));

/** A migration that failed. The database is as it was before: all pending migrations are one transaction. */
export class MigrationError extends Error {
  constructor(cause: unknown) {
    const inner = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause;
    const detail = inner instanceof Error ? inner.message : String(inner);
    super(
      `A migration failed and nothing was changed: ${detail}. Mend what it names, or go back to the version that ran before, and start again.`,
      { cause },
    );
    this.name = "MigrationError";
  }
}

/**
 * Applies pending migrations to a Postgres server in one transaction; several processes may call it at once.
 *
 * Errors: `MigrationError`, and then the database is unchanged.
 */
export const migratePgPool = async (pool: pg.Pool, folder = defaultFolder): Promise<void> => {
  const client = await pool.connect();
  try {
    await client.query("select pg_advisory_lock($1)", [lockKey]);
    await migratePg(drizzlePg(client), { migrationsFolder: folder });
  } catch (cause) {
    throw new MigrationError(cause);
  } finally {
    await client.query("select pg_advisory_unlock($1)", [lockKey]).catch(() => undefined);
    client.release();
  }
};

/** The same for the embedded Postgres, which has one session and needs no lock. */
export const migrateEmbedded = async (pglite: PGlite, folder = defaultFolder): Promise<void> => {
  try {
    await migratePglite(drizzlePglite(pglite), { migrationsFolder: folder });
  } catch (cause) {
    throw new MigrationError(cause);
  }
};
