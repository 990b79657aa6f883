import { z } from "zod";
import type { Database } from "../database.ts";

const statement =
  "select coalesce((select to_json(pool_id) from environments where id = $1), 'null'::json)::text";

/** The pool of agents that serves an environment; null when there is no such environment. */
export const findPoolOfEnvironment = async (db: Database, environmentId: string): Promise<string | null> =>
  z
    .string()
    .nullable()
    .parse(await db.call(statement, [environmentId]));
