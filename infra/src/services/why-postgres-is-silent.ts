import pg from "pg";
import { oneLine } from "./service.ts";

/**
 * Whether Postgres answers a query at `url` within three seconds.
 *
 * Errors: none thrown; the reason in one line, undefined when it answers.
 */
export async function whyPostgresIsSilent(url: string): Promise<string | undefined> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: 3_000,
    query_timeout: 3_000,
  });
  client.on("error", () => undefined);
  try {
    await client.connect();
    await client.query("select 1");
    return undefined;
  } catch (error) {
    return oneLine(error) || "no answer";
  } finally {
    await client.end().catch(() => undefined);
  }
}
