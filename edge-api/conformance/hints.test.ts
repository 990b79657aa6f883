import type { Hints } from "@longshore/edge-api/hints/hints";
import { createInProcessHints } from "@longshore/edge-api/hints/in-process";
import { createRedisHints } from "@longshore/edge-api/hints/redis";
import { createUpstashHints } from "@longshore/edge-api/hints/upstash";
import { newId } from "@longshore/shared/core/ids";
import { Redis as UpstashRedis } from "@upstash/redis";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startUpstashGateway } from "../../infra/src/stand-ins/upstash-gateway.ts";

const redisUrl = process.env.LONGSHORE_TEST_REDIS_URL;
type Opened = { hints: Hints; close(): Promise<void> };

const openInProcess = async (): Promise<Opened> => {
  const hints = createInProcessHints("boot");
  return { hints, close: () => hints.close() };
};
const openRedis = async (): Promise<Opened> => {
  const connect = () => new Redis(redisUrl ?? "", { protocol: 2, enableOfflineQueue: false });
  const [commands, subscriber] = [connect(), connect()];
  const hints = createRedisHints({ commands, subscriber }, () => undefined);
  await Promise.all(
    [commands, subscriber].map((redis) => new Promise((resolve) => redis.once("ready", resolve))),
  );
  return { hints, close: () => hints.close() };
};
const openUpstash = async (): Promise<Opened> => {
  const gateway = await startUpstashGateway({ redisUrl: redisUrl ?? "", token: "t" });
  const endpoint = { url: gateway.url, token: gateway.token };
  const redis = new UpstashRedis({ ...endpoint, automaticDeserialization: false, retry: { retries: 0 } });
  return { hints: createUpstashHints(redis, endpoint), close: () => gateway.close() };
};

const drivers = [
  { name: "one process", isAvailable: true, open: openInProcess },
  { name: "Redis", isAvailable: redisUrl !== undefined, open: openRedis },
  { name: "Upstash", isAvailable: redisUrl !== undefined, open: openUpstash },
];

describe.each(drivers)("hints through $name", ({ isAvailable, open }) => {
  describe.skipIf(!isAvailable)("keep their promises", () => {
    let opened: Opened;
    const never = new AbortController().signal;
    beforeAll(async () => {
      opened = await open();
    });
    afterAll(() => opened?.close());
    const listen = async (over: { poolId?: string | null } = {}) => {
      const topics = { poolId: newId("pool"), agentId: newId("agent"), ...over };
      return { ...topics, listener: await opened.hints.listen(topics) };
    };

    test("a wake goes to a parked poll past one that is busy, and what a leaving one did not use to another", async () => {
      const { poolId, listener: busy } = await listen();
      const { listener: parked } = await listen({ poolId });
      const waiting = parked.wait(10_000, never);
      await opened.hints.wakePool(poolId ?? "");
      expect(await waiting).toBe(true);
      await opened.hints.wakePool(poolId ?? ""); // both are busy: one of them keeps it
      await new Promise((resolve) => setTimeout(resolve, 100));
      const cut = new AbortController();
      cut.abort();
      await busy.wait(10_000, cut.signal);
      busy.close();
      expect(await parked.wait(10_000, never)).toBe(true);
      parked.close();
    });

    test("a wake of the pool or of the agent ends a wait, and one between listening and waiting is not lost", async () => {
      const { poolId, agentId, listener } = await listen();
      await opened.hints.wakePool(poolId ?? "");
      expect(await listener.wait(10_000, never)).toBe(true);
      const waiting = listener.wait(10_000, never);
      await opened.hints.wakeAgent(agentId);
      expect(await waiting).toBe(true);
      listener.close();
    });

    test("the cursor changes with each wake and with nothing else", async () => {
      const { poolId, agentId, listener } = await listen();
      const first = await listener.cursor();
      expect(await listener.cursor()).toBe(first);
      await opened.hints.wakePool(poolId ?? "");
      const second = await listener.cursor();
      expect(second).not.toBe(first);
      await opened.hints.wakeAgent(agentId);
      expect(new Set([first, second, await listener.cursor()]).size).toBe(3);
      listener.close();
    });

    test("a wait ends false when its time is over or its signal aborts", async () => {
      const { listener } = await listen();
      expect(await listener.wait(1, never)).toBe(false);
      const cut = new AbortController();
      const waiting = listener.wait(10_000, cut.signal);
      cut.abort();
      expect(await waiting).toBe(false);
      expect(await listener.wait(10_000, cut.signal)).toBe(false);
      listener.close();
    });

    test("whoever listens to no pool is not woken for one", async () => {
      const { listener, agentId } = await listen({ poolId: null });
      const before = await listener.cursor();
      await opened.hints.wakePool(newId("pool"));
      expect(await listener.cursor()).toBe(before);
      await opened.hints.wakeAgent(agentId);
      expect(await listener.wait(10_000, never)).toBe(true);
      listener.close();
    });

    test("a wake of the pool that one has no use for reaches another, and ends when all have looked", async () => {
      const { poolId, listener: first } = await listen();
      const others = [await listen({ poolId }), await listen({ poolId })];
      const all = [first, ...others.map(({ listener }) => listener)];
      const looked = new Set<number>();
      const looks = all.map(async (listener, nth) => {
        if (!(await listener.wait(10_000, never))) return;
        looked.add(nth);
        listener.passOn();
      });
      await opened.hints.wakePool(poolId ?? "");
      await Promise.all(looks);
      expect(looked.size).toBe(3);
      const again = await Promise.all(all.map((listener) => listener.wait(100, never)));
      expect(again).toEqual([false, false, false]);
      for (const listener of all) listener.close();
    });

    test("once is true for one caller in a while", async () => {
      const key = newId("request");
      const answers = await Promise.all([1, 2, 3].map(() => opened.hints.once(key, 60_000)));
      expect(answers.filter((answer) => answer)).toHaveLength(1);
      expect(await opened.hints.once(newId("request"), 60_000)).toBe(true);
    });

    test("a listener is live while its peer is there", async () => {
      const { listener } = await listen();
      expect(listener.isLive()).toBe(true);
      listener.close();
    });
  });
});
