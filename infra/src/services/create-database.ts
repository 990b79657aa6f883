import { randomBytes } from "node:crypto";
import pg from "pg";

/**
 * Creates an empty database on the server at `url` and answers its url, so that each suite has one of its own.
 *
 * Shape: the name is `name` made safe plus a random suffix, so two runs against one server never meet.
 */
export async function createDatabase(url: string, name: string): Promise<string> {
  const safe = name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "_")
    .slice(0, 40);
  const database = `${safe}_${randomBytes(4).toString("hex")}`;
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(`create database ${pg.escapeIdentifier(database)}`);
  } finally {
    await client.end();
  }
  const created = new URL(url);
  created.pathname = `/${database}`;
  return created.href;
}
