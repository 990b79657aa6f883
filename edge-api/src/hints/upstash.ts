import type { Redis } from "@upstash/redis";
import { readGrant, takeScript } from "./buckets.ts";
import type { Hints, Listener } from "./hints.ts";

const versionTtlS = 86_400;
const topicOf = { pool: (id: string) => `ls:pool:${id}`, agent: (id: string) => `ls:agent:${id}` };

/**
 * Hints through Redis' REST form, for runtimes that keep no connections: each parked poll holds one event stream.
 *
 * Shape: `redis` answers plain text (`automaticDeserialization: false`). I2 as everywhere: what fails is "unknown".
 */
export const createUpstashHints = (redis: Redis, endpoint: { url: string; token: string }): Hints => {
  const wake = async (topic: string): Promise<void> => {
    try {
      await redis.multi().incr(topic).expire(topic, versionTtlS).publish(topic, "1").exec();
    } catch {
      // I2: the polls of other isolates find the work when they look again.
    }
  };
  return {
    wakePool: (poolId) => wake(topicOf.pool(poolId)),
    wakeAgent: (agentId) => wake(topicOf.agent(agentId)),
    listen: async ({ poolId, agentId }) => {
      const topics = [topicOf.agent(agentId), ...(poolId === null ? [] : [topicOf.pool(poolId)])];
      return openStream(redis, endpoint, topics);
    },
    once: async (key, ttlMs) => {
      try {
        return (await redis.set(`ls:once:${key}`, "1", { px: ttlMs, nx: true })) !== null;
      } catch {
        return true;
      }
    },
    takeTokens: async (key, rate, wanted) => {
      try {
        const values = [rate.perSecond, rate.burst, wanted].map(String);
        return readGrant(await redis.eval(takeScript, [`ls:rate:${key}`], values));
      } catch {
        return null;
      }
    },
    close: async () => undefined,
  };
};

/** Event streams over the topics. One that breaks counts as a wake, and from then on the listener is not live. */
const openStream = async (
  redis: Redis,
  endpoint: { url: string; token: string },
  topics: readonly string[],
): Promise<Listener> => {
  const cut = new AbortController();
  let isWoken = false;
  let isLive = true;
  let notify: (() => void) | null = null;
  const wake = () => {
    isWoken = true;
    notify?.();
  };
  const broken = () => {
    isLive = false;
    wake();
  };
  await subscribe(endpoint, topics, cut.signal, { wake, broken });
  return {
    cursor: async () => {
      try {
        return `r${(await redis.mget<(string | null)[]>(...topics)).map((version) => version ?? "0").join(".")}`;
      } catch {
        return null;
      }
    },
    wait: (ms, signal) =>
      new Promise((resolve) => {
        const finish = (woken: boolean) => {
          clearTimeout(timer);
          notify = null;
          isWoken = false;
          resolve(woken);
        };
        const timer = setTimeout(() => finish(false), ms);
        if (signal.aborted) return finish(false);
        if (isWoken) return finish(true);
        signal.addEventListener("abort", () => finish(false), { once: true });
        notify = () => finish(true);
      }),
    // Every stream has had the message.
    passOn: () => undefined,
    isLive: () => isLive,
    close: () => cut.abort(),
  };
};

/** Resolves when the subscription stands; afterwards calls `wake` for each message and `broken` when the stream ends. */
const subscribe = async (
  endpoint: { url: string; token: string },
  topics: readonly string[],
  signal: AbortSignal,
  on: { wake(): void; broken(): void },
): Promise<void> => {
  // The REST form subscribes one channel a stream.
  await Promise.all(
    topics.map(async (topic) => {
      try {
        const response = await fetch(`${endpoint.url}/subscribe/${encodeURIComponent(topic)}`, {
          method: "POST",
          headers: { authorization: `Bearer ${endpoint.token}`, accept: "text/event-stream" },
          signal,
        });
        if (!response.ok || response.body === null) return on.broken();
        const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
        await readUntil(reader, "subscribe,");
        void pump(reader, on);
      } catch {
        if (!signal.aborted) on.broken();
      }
    }),
  );
};

const readUntil = async (reader: ReadableStreamDefaultReader<string>, mark: string): Promise<void> => {
  for (let text = ""; !text.includes(mark); ) {
    const { done, value } = await reader.read();
    if (done) return;
    text += value;
  }
};

const pump = async (
  reader: ReadableStreamDefaultReader<string>,
  on: { wake(): void; broken(): void },
): Promise<void> => {
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      if (value.includes("message,")) on.wake();
    }
  } catch {
    // The stream was cut: by us at the end of the poll, or by the network.
  }
  on.broken();
};
