import { createRedisHints } from "@longshore/edge-api/hints/redis";
import { defaultSettings } from "@longshore/edge-api/platform/settings";
import { limitRate } from "@longshore/edge-api/services/limit-rate";
import { newId } from "@longshore/shared/core/ids";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const redisUrl = process.env.LONGSHORE_TEST_REDIS_URL;

describe.skipIf(redisUrl === undefined)("two processes with one Redis", () => {
  const connections: Redis[] = [];
  const connect = () => {
    const redis = new Redis(redisUrl ?? "", { protocol: 2, enableOfflineQueue: false });
    connections.push(redis);
    return redis;
  };
  const openProcess = (burst: number) => {
    const hints = createRedisHints({ commands: connect(), subscriber: connect() }, () => undefined);
    let asked = 0;
    const counting: typeof hints.takeTokens = (...input) => {
      asked++;
      return hints.takeTokens(...input);
    };
    const settings = { ...defaultSettings, keyRate: { perSecond: 0.01, burst } };
    return { deps: { hints: { ...hints, takeTokens: counting }, settings }, asked: () => asked };
  };
  const ready = () =>
    Promise.all(
      connections.map(
        (redis) => redis.status === "ready" || new Promise((done) => redis.once("ready", done)),
      ),
    );
  afterAll(() => {
    for (const redis of connections) redis.disconnect();
  });

  describe("that ask at once", () => {
    let processes: ReturnType<typeof openProcess>[];
    beforeAll(async () => {
      processes = [openProcess(200), openProcess(200)];
      await ready();
    });

    test("let through what one would, and no more", async () => {
      const caller = { kind: "key" as const, credentialId: newId("apiKey") };
      let allowed = 0;
      for (let round = 0; round < 30; round++) {
        const standings = await Promise.all(
          processes.flatMap(({ deps }) => Array.from({ length: 5 }, () => limitRate(deps, caller))),
        );
        allowed += standings.filter((standing) => standing?.isAllowed).length;
      }
      expect(allowed).toBe(200);
    });
  });

  test("a caller far below its limit costs Redis one question for hundreds of requests", async () => {
    const { deps, asked } = openProcess(7_500);
    await ready();
    const caller = { kind: "key" as const, credentialId: newId("apiKey") };
    for (let count = 0; count < 1_000; count++) expect((await limitRate(deps, caller))?.isAllowed).toBe(true);
    expect(asked()).toBeLessThanOrEqual(4);
  });
});
