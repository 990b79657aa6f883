import { Redis } from "ioredis";
import { oneLine } from "./service.ts";

/**
 * Whether Redis answers PING at `url` within two seconds.
 *
 * Errors: none thrown; the reason in one line, undefined when it answers.
 */
export async function whyRedisIsSilent(url: string): Promise<string | undefined> {
  const redis = new Redis(url, {
    protocol: 2,
    lazyConnect: true,
    connectTimeout: 2_000,
    commandTimeout: 2_000,
    retryStrategy: () => null,
  });
  redis.on("error", () => undefined);
  try {
    await redis.connect();
    await redis.ping();
    return undefined;
  } catch (error) {
    return oneLine(error) || "no answer";
  } finally {
    redis.disconnect();
  }
}
