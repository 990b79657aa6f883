import { describeApi } from "./describe-api.ts";
import { startEmbeddedPlatform } from "./platforms.ts";

describeApi("Node with nothing beside it", true, startEmbeddedPlatform);
