import { openPg } from "@longshore/edge-api/platform/database-pg";
import pg from "pg";
import { brokenInvariants } from "../engine/invariants.ts";
import { databaseServer, redisServer, startNodePlatform } from "../http/platforms.ts";
import { describeFuzz } from "./describe-fuzz.ts";
import { requestsOf, unlimited } from "./settings.ts";

describeFuzz(
  "Node with Postgres and Redis",
  databaseServer !== undefined && redisServer !== undefined,
  requestsOf(20_000, 4_000),
  async () => {
    const platform = await startNodePlatform({ redisUrl: redisServer ?? "", env: unlimited });
    const measure = async () => {
      const client = new pg.Client({ connectionString: platform.databaseUrl });
      await client.connect();
      const { rows } = await client.query(
        "select count(*)::int as connections from pg_stat_activity where datname = current_database()",
      );
      await client.end();
      return { connections: Number(rows[0]?.connections) };
    };
    const broken = async (environmentIds: readonly string[]) => {
      const { db, close } = openPg(platform.databaseUrl, { connectionsMax: 1, onError: () => undefined });
      const names = await Promise.all(environmentIds.map((id) => brokenInvariants({ db }, id)));
      await close();
      // Requests lowered limits under what ran.
      return names.flat().filter((name) => name !== "no limit is exceeded");
    };
    return { platform, inside: { measure, broken, isHere: true } };
  },
);
