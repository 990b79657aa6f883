import type { ServerResponse } from "node:http";
import type { Redis } from "ioredis";

// Below the 15 s within which a caller's edge notices that its own client has gone.
const HEARTBEAT_MS = 10_000;

/** What a stream listens to. */
export interface StreamTopic {
  kind: "subscribe" | "psubscribe";
  name: string;
}

/** Server-sent event streams over one shared subscriber connection. */
export interface UpstashStreams {
  /** Turns the response into a stream on these topics. Errors: rejects, before a byte is written, when Redis is down. */
  open(response: ServerResponse, topics: readonly StreamTopic[]): Promise<void>;
  close(): void;
}

/**
 * Streams of published messages.
 *
 * When the connection to Redis breaks, every stream ends: messages may have been lost, and a caller that subscribes
 * again knows it. A payload with a line break is cut at it, as the protocol has no escape.
 *
 * Shape: `data: subscribe,<channel>,1`, `data: message,<channel>,<payload>`, `data: pmessage,<pattern>,<channel>,<payload>`,
 * and a comment line as heartbeat.
 */
export function createUpstashStreams(subscriber: Redis): UpstashStreams {
  const members = createMembers(subscriber);
  const open = new Set<ServerResponse>();
  const send = (topic: StreamTopic, line: string) => {
    // Between joining and the confirmation a caller has no claim on messages, and its stream has no head yet.
    for (const response of members.of(topic)) if (open.has(response)) response.write(`data: ${line}\n\n`);
  };

  subscriber.on("message", (channel: string, payload: string) =>
    send({ kind: "subscribe", name: channel }, `message,${channel},${payload}`),
  );
  subscriber.on("pmessage", (pattern: string, channel: string, payload: string) =>
    send({ kind: "psubscribe", name: pattern }, `pmessage,${pattern},${channel},${payload}`),
  );
  const endAll = () => {
    members.clear();
    for (const response of open) response.end();
  };
  subscriber.on("close", endAll);
  const beat = setInterval(() => {
    for (const response of open) response.write(": heartbeat\n\n");
  }, HEARTBEAT_MS);

  return {
    async open(response, wanted) {
      const leaveAll = () => {
        open.delete(response);
        for (const topic of wanted) members.leave(response, topic);
      };
      response.once("close", leaveAll);
      try {
        for (const topic of wanted) await members.join(response, topic);
      } catch (error) {
        leaveAll();
        throw error;
      }
      if (response.closed) return;
      open.add(response);
      response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache" });
      wanted.forEach(
        ({ kind, name }, index) => void response.write(`data: ${kind},${name},${index + 1}\n\n`),
      );
    },
    close() {
      clearInterval(beat);
      endAll();
    },
  };
}

/** Who listens to what; Redis is asked for a topic while somebody does. */
function createMembers(subscriber: Redis) {
  const byTopic = new Map<string, Set<ServerResponse>>();
  const key = ({ kind, name }: StreamTopic) => `${kind} ${name}`;
  return {
    of: (topic: StreamTopic): Iterable<ServerResponse> => byTopic.get(key(topic)) ?? [],
    clear: () => byTopic.clear(),
    async join(response: ServerResponse, topic: StreamTopic): Promise<void> {
      const members = byTopic.get(key(topic)) ?? new Set();
      members.add(response);
      byTopic.set(key(topic), members);
      await subscriber[topic.kind](topic.name);
    },
    leave(response: ServerResponse, topic: StreamTopic): void {
      const members = byTopic.get(key(topic));
      if (!members?.delete(response) || members.size > 0) return;
      byTopic.delete(key(topic));
      const leaving = topic.kind === "subscribe" ? "unsubscribe" : "punsubscribe";
      subscriber[leaving](topic.name).catch(() => undefined);
    },
  };
}
