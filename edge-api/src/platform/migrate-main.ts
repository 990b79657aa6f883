import pg from "pg";
import { checkReachable, DatabaseError, MigrationError, migratePgPool } from "./migrate.ts";

/** `pnpm migrate`: applies pending migrations to DATABASE_URL. */
const url = process.env.DATABASE_URL;
if (url === undefined || url === "") {
  console.error(
    "DATABASE_URL is missing: it should be a Postgres address, such as postgres://user:password@host:5432/name",
  );
  process.exit(1);
}
const pool = new pg.Pool({ connectionString: url, max: 1 });
try {
  await checkReachable(url);
  await migratePgPool(pool);
  console.log("The database is up to date.");
} catch (error) {
  const isExpected = error instanceof MigrationError || error instanceof DatabaseError;
  console.error(isExpected ? error.message : error);
  process.exitCode = 1;
} finally {
  await pool.end();
}
