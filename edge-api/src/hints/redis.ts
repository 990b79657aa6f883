import type { Redis } from "ioredis";
import { readGrant, takeScript } from "./buckets.ts";
import type { Hints } from "./hints.ts";
import { LocalBus } from "./local-bus.ts";

/** Versions of topics outlive any parked poll by far. Units: seconds. */
const versionTtlS = 86_400;

type Connections = { commands: Redis; subscriber: Redis };
type Log = (message: string, fields: Record<string, unknown>) => void;

const topicOf = { pool: (id: string) => `ls:pool:${id}`, agent: (id: string) => `ls:agent:${id}` };

/**
 * Hints through Redis for several Node processes: a counter and a message for each wake, one subscription a process.
 *
 * I2: with Redis away, wakes still reach this process, cursors are unknown, and listeners are not live. After a
 * reconnect everyone is woken, since messages may have been lost meanwhile.
 */
export const createRedisHints = ({ commands, subscriber }: Connections, log: Log): Hints => {
  const bus = new LocalBus();
  const deliver = (topic: string) => (topic.startsWith("ls:pool:") ? bus.wakeOne(topic) : bus.wakeAll(topic));
  subscriber.on("message", (topic: string) => deliver(topic));
  const subscriptions = new Subscriptions(subscriber, bus);
  subscriber.on("ready", () => void subscriptions.renew());
  for (const [name, redis] of [
    ["commands", commands],
    ["subscriber", subscriber],
  ] as const) {
    redis.on("error", (error: Error) => log("hints.redis_error", { connection: name, error: error.message }));
  }
  const isLive = () => commands.status === "ready" && subscriber.status === "ready";

  const wake = async (topic: string): Promise<void> => {
    if (commands.status !== "ready") return deliver(topic);
    try {
      await commands.multi().incr(topic).expire(topic, versionTtlS).publish(topic, "1").exec();
    } catch {
      deliver(topic);
    }
  };
  const readCursor = async (topics: string[]): Promise<string | null> => {
    if (!isLive()) return null;
    try {
      return `r${(await commands.mget(topics)).map((version) => version ?? "0").join(".")}`;
    } catch {
      return null;
    }
  };
  return {
    wakePool: (poolId) => wake(topicOf.pool(poolId)),
    wakeAgent: (agentId) => wake(topicOf.agent(agentId)),
    listen: async ({ poolId, agentId }) => {
      const topics = [topicOf.agent(agentId), ...(poolId === null ? [] : [topicOf.pool(poolId)])];
      const listener = bus.listen(topics, { cursor: () => readCursor(topics), isLive });
      await subscriptions.add(topics);
      return {
        ...listener,
        close: () => {
          listener.close();
          subscriptions.remove(topics);
        },
      };
    },
    once: async (key, ttlMs) => {
      if (commands.status !== "ready") return true;
      try {
        return (await commands.set(`ls:once:${key}`, "1", "PX", ttlMs, "NX")) === "OK";
      } catch {
        return true;
      }
    },
    takeTokens: async (key, rate, wanted) => {
      if (commands.status !== "ready") return null;
      try {
        const values = [rate.perSecond, rate.burst, wanted];
        return readGrant(await commands.eval(takeScript, 1, `ls:rate:${key}`, ...values));
      } catch {
        return null;
      }
    },
    close: async () => {
      bus.wakeEveryone();
      commands.disconnect();
      subscriber.disconnect();
    },
  };
};

/** Keeps the one subscription of this process to the topics that are listened to; ioredis renews it by itself. */
class Subscriptions {
  private readonly counts = new Map<string, number>();

  constructor(
    private readonly subscriber: Redis,
    private readonly bus: LocalBus,
  ) {}

  async add(topics: readonly string[]): Promise<void> {
    const fresh = topics.filter((topic) => !this.counts.has(topic));
    for (const topic of topics) this.counts.set(topic, (this.counts.get(topic) ?? 0) + 1);
    if (fresh.length === 0 || this.subscriber.status !== "ready") return;
    await this.subscriber.subscribe(...fresh).catch(() => undefined);
  }

  remove(topics: readonly string[]): void {
    for (const topic of topics) {
      const left = (this.counts.get(topic) ?? 1) - 1;
      if (left > 0) {
        this.counts.set(topic, left);
        continue;
      }
      this.counts.delete(topic);
      // A pool that is polled again at once, as it nearly always is, keeps its subscription.
      setTimeout(() => this.dropUnused(topic), 5_000).unref();
    }
  }

  /** Topics that came while the connection was away: subscribed once it is back. */
  async renew(): Promise<void> {
    const topics = [...this.counts.keys()];
    if (topics.length > 0) await this.subscriber.subscribe(...topics).catch(() => undefined);
    this.bus.wakeEveryone();
  }

  private dropUnused(topic: string): void {
    if (this.counts.has(topic) || this.subscriber.status !== "ready") return;
    this.subscriber.unsubscribe(topic).catch(() => undefined);
  }
}
