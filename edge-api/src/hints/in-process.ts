import { LocalBuckets } from "./buckets.ts";
import type { Hints } from "./hints.ts";
import { LocalBus } from "./local-bus.ts";

const poolTopic = (id: string) => `pool:${id}`;
const agentTopic = (id: string) => `agent:${id}`;

/** Hints within one process: the embedded server, where there is no other process to wake. */
export const createInProcessHints = (boot: string): Hints => {
  const bus = new LocalBus();
  const buckets = new LocalBuckets();
  const taken = new Map<string, number>();
  return {
    wakePool: async (poolId) => bus.wakeOne(poolTopic(poolId)),
    wakeAgent: async (agentId) => bus.wakeAll(agentTopic(agentId)),
    listen: async ({ poolId, agentId }) => {
      const topics = [agentTopic(agentId), ...(poolId === null ? [] : [poolTopic(poolId)])];
      return bus.listen(topics, {
        cursor: async () => [boot, ...topics.map((topic) => bus.version(topic))].join("."),
        isLive: () => true,
      });
    },
    once: async (key, ttlMs) => {
      const now = performance.now();
      for (const [old, until] of taken) if (until <= now) taken.delete(old);
      if (taken.has(key)) return false;
      taken.set(key, now + ttlMs);
      return true;
    },
    takeTokens: async (key, rate, wanted) => buckets.take(key, rate, wanted),
    close: async () => bus.wakeEveryone(),
  };
};
