import { startEmbeddedPlatform } from "../http/platforms.ts";
import { describeFuzz } from "./describe-fuzz.ts";
import { requestsOf, unlimited } from "./settings.ts";

describeFuzz("Node with nothing beside it", true, requestsOf(2_000, 500), async () => ({
  platform: await startEmbeddedPlatform({ env: unlimited }),
  inside: { isHere: true },
}));
