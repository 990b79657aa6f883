import type { Database } from "../database.ts";

/** Asks the database for its time. Errors: those of the driver. */
export const ping = (db: Database): Promise<unknown> =>
  db.call("select to_json((select app_now()))::text", []);
