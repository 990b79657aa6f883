import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isRunning } from "../../../infra/src/services/service.ts";
import { type OwnRedis, startRedis } from "../../../infra/src/services/start-redis.ts";
import { type Answer, call, expectError, until } from "./client.ts";
import {
  databaseServer,
  type Platform,
  redisServer,
  startEmbeddedPlatform,
  startNodePlatform,
  startWorkerdPlatform,
} from "./platforms.ts";
import { createKey, createPublic, sign } from "./wrong-credentials.ts";

const env = { LONGSHORE_RATE_LIMIT: "2", LONGSHORE_RATE_BURST: "12", LONGSHORE_PUBLIC_RATE_LIMIT: "1" };
const hasServices = databaseServer !== undefined && redisServer !== undefined;
type Start = (redisUrl: string) => Promise<Platform>;

const starts: { name: string; isAvailable: boolean; usesRedis: boolean; start: Start }[] = [
  {
    name: "Node with Postgres and Redis",
    isAvailable: hasServices,
    usesRedis: true,
    start: (redisUrl) => startNodePlatform({ redisUrl, env }),
  },
  {
    name: "Node with nothing beside it",
    isAvailable: true,
    usesRedis: false,
    start: () => startEmbeddedPlatform({ env }),
  },
  {
    name: "workerd",
    isAvailable: hasServices,
    usesRedis: true,
    start: (redisUrl) => startWorkerdPlatform({ redisUrl, env }),
  },
];

describe.each(starts)("rate limits on $name", ({ isAvailable, usesRedis, start }) => {
  describe.skipIf(!isAvailable)("hold for each credential", () => {
    let p: Platform;
    let redis: OwnRedis | null = null;
    beforeAll(async () => {
      const service = usesRedis ? await startRedis() : null;
      if (service !== null && !isRunning(service)) throw new Error(service.missing);
      redis = service;
      p = await start(redis?.url ?? "");
    }, 60_000);
    afterAll(async () => {
      await p?.close();
      await redis?.stop();
    });

    const list = (token: string) => call(p, "GET", "/api/v1/runs", { token });
    const number = (answer: Answer, name: string) => Number(answer.headers.get(`x-ratelimit-${name}`));
    /** Sends until one is refused; answers how many were let through before, and the refusal. */
    const exhaust = async (token: string) => {
      for (let count = 0; ; count++) {
        const answer = await list(token);
        if (answer.status !== 200) return { count, answer };
        expect(number(answer, "reset")).toBeGreaterThan(Date.now() - 60_000);
      }
    };

    const refusalsOf = async (token: string, status: number) => {
      for (let count = 0; ; count++) {
        const answer = await list(token);
        if (answer.status === status) return { count, answer };
      }
    };

    test("a caller's answers count down to a 429 that says, in Unix milliseconds, when to come again", async () => {
      const { key } = await createKey(p);
      const began = Date.now();
      const first = await list(key);
      expect([number(first, "limit"), number(first, "remaining")]).toEqual([12, 11]);
      const { count, answer } = await exhaust(key);
      const refilled = Math.ceil(((Date.now() - began) / 1_000) * 2) + 1;
      expect(count).toBeGreaterThanOrEqual(11);
      expect(count).toBeLessThanOrEqual(11 + refilled);
      expectError(answer, 429, "rate_limited");
      expect(number(answer, "remaining")).toBe(0);
      expect(answer.headers.get("retry-after")).toBe("1");
      const reset = number(answer, "reset");
      expect(reset - Date.now()).toBeLessThanOrEqual(500);
      // As the clients do: wait until then, and send it again.
      await until(
        async () => Date.now(),
        (now) => now > reset,
      );
      expect((await list(key)).status).toBe(200);
    });

    test("another credential has a bucket of its own, and a public token a smaller one", async () => {
      const { key } = await createKey(p);
      expect((await exhaust(key)).count).toBeGreaterThanOrEqual(12);
      const { key: other } = await createKey(p);
      expect((await list(other)).status).toBe(200);
      const token = await sign(p, p.environmentId, ["read:runs"]);
      const first = await list(token);
      expect([number(first, "limit"), number(first, "remaining")]).toEqual([10, 9]);
    });

    test("what a one-time token is refused for is counted too", async () => {
      const token = await createPublic(p, { scopes: ["read:runs"], oneTimeUse: true });
      expect((await list(token)).status).toBe(200);
      const { count, answer } = await refusalsOf(token, 429);
      expect(count).toBeGreaterThanOrEqual(9);
      expectError(answer, 429, "rate_limited");
    });

    if (!usesRedis) return;
    test("with Redis away each process limits for itself, and refuses nobody before that", async () => {
      const { key } = await createKey(p);
      const { key: other } = await createKey(p);
      expect((await list(key)).status).toBe(200);
      await redis?.kill();
      const { count, answer } = await exhaust(other);
      expect(count).toBeGreaterThanOrEqual(12);
      expectError(answer, 429, "rate_limited");
      expect((await list(key)).status).toBe(200);
      await redis?.restart();
    }, 20_000);
  });
});
