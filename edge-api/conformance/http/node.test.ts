import { describeApi } from "./describe-api.ts";
import { databaseServer, redisServer, startNodePlatform } from "./platforms.ts";

describeApi("Node with Postgres and Redis", databaseServer !== undefined && redisServer !== undefined, () =>
  startNodePlatform({ redisUrl: redisServer ?? "" }),
);
