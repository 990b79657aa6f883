import { fileURLToPath } from "node:url";
import type { PGlite } from "@electric-sql/pglite";
import { drizzle as drizzlePg } from "drizzle-orm/node-postgres";
import { migrate as migratePg } from "drizzle-orm/node-postgres/migrator";
import { drizzle as drizzlePglite } from "drizzle-orm/pglite";
import { migrate as migratePglite } from "drizzle-orm/pglite/migrator";
import pg from "pg";

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

/** The database cannot be used, for a reason that only a person can change; one line. */
export class DatabaseError extends Error {
  constructor(message: string, options: { cause?: unknown } = {}) {
    super(message, options);
    this.name = "DatabaseError";
  }
}

/** How long a database may take to accept a connection. Units: milliseconds. */
const connectMs = 10_000;

const reasons: Record<string, string> = {
  ECONNREFUSED: "nothing listens there",
  ENOTFOUND: "the host's name is not known",
  EAI_AGAIN: "the host's name cannot be looked up",
  ETIMEDOUT: "it does not answer",
};

const connectError = (url: string, cause: unknown): DatabaseError => {
  const { host, port } = new pg.Client({ connectionString: url });
  // A host with several addresses fails with one error for each, and no message of its own.
  const first = cause instanceof AggregateError ? cause.errors[0] : cause;
  const { code, message } = first as NodeJS.ErrnoException;
  const isSilent = message === "timeout expired";
  const why = isSilent ? reasons.ETIMEDOUT : (reasons[code ?? ""] ?? message);
  return new DatabaseError(`The database at ${host}:${port} cannot be reached: ${why}.`, { cause });
};

/** Errors: `DatabaseError` that names host and port and says why it cannot be reached. Cost: one connection. */
const withClient = async (url: string, use: (client: pg.Client) => Promise<void>): Promise<void> => {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: connectMs });
  client.on("error", () => undefined);
  try {
    await client.connect().catch((cause: unknown) => {
      throw connectError(url, cause);
    });
    await use(client);
  } finally {
    await client.end().catch(() => undefined);
  }
};

/** Errors: `DatabaseError` when it cannot be reached. */
export const checkReachable = (url: string): Promise<void> => withClient(url, async () => undefined);

/** Errors: `DatabaseError` when it cannot be reached or was never migrated. */
export const checkMigrated = (url: string): Promise<void> =>
  withClient(url, async (client) => {
    const { rows } = await client.query("select to_regclass('projects') is not null as found");
    if (rows[0]?.found === true) return;
    throw new DatabaseError("The database has not been migrated. Run: DATABASE_URL=… npx pnpm migrate");
  });

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
