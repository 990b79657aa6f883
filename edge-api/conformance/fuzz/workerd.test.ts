import { databaseServer, redisServer, startWorkerdPlatform } from "../http/platforms.ts";
import { describeFuzz } from "./describe-fuzz.ts";
import { requestsOf, unlimited } from "./settings.ts";

describeFuzz(
  "workerd",
  databaseServer !== undefined && redisServer !== undefined,
  requestsOf(2_000, 500),
  async () => ({
    platform: await startWorkerdPlatform({ redisUrl: redisServer ?? "", env: unlimited }),
    inside: {},
  }),
);
