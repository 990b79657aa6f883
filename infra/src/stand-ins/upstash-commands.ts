import type { Redis } from "ioredis";

/** Commands that would block or change the one connection all callers share; Upstash's REST API refuses them too. */
const REFUSED = new Set([
  ...[
    "subscribe",
    "psubscribe",
    "ssubscribe",
    "unsubscribe",
    "punsubscribe",
    "monitor",
    "select",
    "quit",
    "auth",
  ],
  ...[
    "multi",
    "exec",
    "discard",
    "watch",
    "unwatch",
    "hello",
    "reset",
    "wait",
    "shutdown",
    "client",
    "sync",
    "psync",
  ],
  ...[
    "blpop",
    "brpop",
    "blmove",
    "brpoplpush",
    "blmpop",
    "bzpopmin",
    "bzpopmax",
    "bzmpop",
    "debug",
    "replicaof",
  ],
]);

/** One command: its name and arguments. */
export type Command = readonly [string, ...(string | number)[]];
/** What a command came to: Redis's reply with strings as bytes, or the error Redis gave. */
export type Outcome = { reply: unknown } | { error: string };

/** The connection to Redis failed, so nobody knows whether a command ran. */
export class RedisDownError extends Error {
  override name = "RedisDownError";
}

/**
 * Runs commands in order over one connection, as a plain pipeline or as a MULTI/EXEC transaction.
 *
 * Errors: what Redis refuses is an outcome; a transaction that is discarded as a whole answers that one error; throws
 * RedisDownError when the connection is or goes down.
 * Cost: one round trip.
 */
export async function runCommands(
  redis: Redis,
  commands: readonly Command[],
  isAtomic: boolean,
): Promise<Outcome[] | { error: string }> {
  if (isAtomic) {
    const refused = commands.map(refusal).find(Boolean);
    return refused ? { error: refused } : runTransaction(redis, commands);
  }
  // Sent in one turn of the event loop, so they keep their order and share a packet.
  return Promise.all(commands.map((command) => runOne(redis, command)));
}

async function runOne(redis: Redis, command: Command): Promise<Outcome> {
  const refused = refusal(command);
  if (refused) return { error: refused };
  try {
    return { reply: await send(redis, command) };
  } catch (error) {
    return { error: replyError(error) };
  }
}

async function runTransaction(
  redis: Redis,
  commands: readonly Command[],
): Promise<Outcome[] | { error: string }> {
  // Without ioredis's own queue: MULTI, the commands and EXEC go out in one turn of the event loop.
  const opening = redis.callBuffer("MULTI");
  const queued = commands.map((command) => send(redis, command));
  const closing = redis.callBuffer("EXEC");
  const settled = await Promise.allSettled([opening, ...queued, closing]);
  const failed = settled.find((part) => part.status === "rejected");
  if (failed) return { error: replyError(failed.reason) };
  const replies = settled.at(-1);
  const list = replies?.status === "fulfilled" && Array.isArray(replies.value) ? replies.value : [];
  return list.map((reply: unknown) => (reply instanceof Error ? { error: reply.message } : { reply }));
}

/** Upper case, because ioredis reshapes the replies (HGETALL) of commands it knows, and knows them in lower case. */
function send(redis: Redis, [name, ...args]: Command): Promise<unknown> {
  return redis.callBuffer(name.toUpperCase(), ...args);
}

function refusal([name, ...args]: Command): string | undefined {
  const isBlocking = /^xread/i.test(name) && args.some((arg) => /^block$/i.test(String(arg)));
  return REFUSED.has(name.toLowerCase()) || isBlocking
    ? `ERR Command is not available: '${name}'`
    : undefined;
}

function replyError(error: unknown): string {
  if (error instanceof Error && error.name === "ReplyError") return error.message;
  throw new RedisDownError(error instanceof Error ? error.message : String(error));
}
