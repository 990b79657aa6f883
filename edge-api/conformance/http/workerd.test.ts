import { describeApi } from "./describe-api.ts";
import { databaseServer, redisServer, startWorkerdPlatform } from "./platforms.ts";

describeApi("workerd", databaseServer !== undefined && redisServer !== undefined, () =>
  startWorkerdPlatform({ redisUrl: redisServer ?? "" }),
);
