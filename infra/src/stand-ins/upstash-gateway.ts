import type { IncomingMessage, ServerResponse } from "node:http";
import { Redis, type RedisOptions } from "ioredis";
import { z } from "zod";
import { readBody } from "./read-body.ts";
import { serveHttp } from "./serve-http.ts";
import { type Command, type Outcome, runCommands } from "./upstash-commands.ts";
import { createUpstashStreams, type StreamTopic } from "./upstash-streams.ts";

const RECONNECT_MS_MAX = 500;
const COMMAND_MS_MAX = 5_000;
const FIRST_CONNECT_MS_MAX = 3_000;

const Argument = z.union([
  z.string(),
  z.number(),
  z.boolean().transform(String),
  z.null().transform(() => ""),
]);
const CommandBody = z.tuple([z.string()], Argument);
const CommandsBody = z.array(CommandBody);

/** A running stand-in: what an Upstash client takes as `url` and `token`. */
export interface UpstashGateway {
  url: string;
  token: string;
  close(): Promise<void>;
}

/** An answer before it is written. */
interface Answer {
  status: number;
  body: unknown;
}

/**
 * Stands in for Upstash's REST API in front of a real Redis: `POST /`, `/pipeline`, `/multi-exec`, and event streams at
 * `/subscribe/<channel>` and `/psubscribe/<pattern>`.
 *
 * While Redis is down it answers 503 at once and goes on by itself when Redis is back.
 *
 * Errors: 401 for a wrong token, 400 for what Redis refuses, 503 when Redis does not answer.
 * Source: what `@upstash/redis` 1.39 sends and reads.
 */
export async function startUpstashGateway({
  redisUrl,
  token,
  port,
}: {
  redisUrl: string;
  token: string;
  port?: number;
}): Promise<UpstashGateway> {
  const redis = connect(redisUrl);
  const subscriber = connect(redisUrl);
  const streams = createUpstashStreams(subscriber);
  await Promise.all([untilFirstTry(redis), untilFirstTry(subscriber)]);

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<Answer | undefined> {
    if (request.headers.authorization !== `Bearer ${token}`)
      return { status: 401, body: { error: "WRONGPASS invalid or missing auth token" } };
    const path = new URL(request.url ?? "/", "http://stand-in").pathname;
    const topics = topicsOf(path);
    if (topics) return openStream(response, topics);
    if (request.method !== "POST") return { status: 405, body: { error: "ERR the stand-in answers POST" } };
    const input = await readBody(request).catch(() => undefined);
    return answerCommands(redis, path, input, request.headers["upstash-encoding"] === "base64");
  }

  async function openStream(response: ServerResponse, topics: StreamTopic[]): Promise<Answer | undefined> {
    await streams.open(response, topics);
    return undefined;
  }

  const http = await serveHttp((request, response) => {
    answer(request, response)
      .catch(answerFailure)
      .then((result) => result && reply(response, result));
  }, port);

  const close = async () => {
    streams.close();
    await http.close();
    redis.disconnect();
    subscriber.disconnect();
  };
  return { url: http.url, token, close };
}

async function answerCommands(
  redis: Redis,
  path: string,
  input: unknown,
  isBase64: boolean,
): Promise<Answer> {
  const isSingle = path === "/";
  if (!isSingle && path !== "/pipeline" && path !== "/multi-exec")
    return { status: 404, body: { error: `ERR no such path: ${path}` } };
  const commands = isSingle
    ? CommandBody.transform((one) => [one]).safeParse(input)
    : CommandsBody.safeParse(input);
  if (!commands.success) return { status: 400, body: { error: "ERR failed to parse command" } };
  const outcomes = await runCommands(redis, commands.data as Command[], path === "/multi-exec");
  if (!Array.isArray(outcomes)) return { status: 400, body: outcomes };
  const bodies = outcomes.map((outcome) => encodeOutcome(outcome, isBase64));
  if (!isSingle) return { status: 200, body: bodies };
  const body = bodies[0] ?? { error: "ERR empty command" };
  return { status: "error" in body ? 400 : 200, body };
}

function encodeOutcome(outcome: Outcome, isBase64: boolean): { result: unknown } | { error: string } {
  if ("error" in outcome) return outcome;
  const isOk = Buffer.isBuffer(outcome.reply) && outcome.reply.toString() === "OK";
  return { result: encode(outcome.reply, isBase64 && !isOk) };
}

function encode(reply: unknown, isBase64: boolean): unknown {
  if (Buffer.isBuffer(reply)) return reply.toString(isBase64 ? "base64" : "utf8");
  if (Array.isArray(reply)) return reply.map((item) => encode(item, isBase64));
  if (reply instanceof Error) return reply.message;
  return reply ?? null;
}

function topicsOf(path: string): StreamTopic[] | undefined {
  const [, kind, ...names] = path.split("/").map(decodeURIComponent);
  if ((kind !== "subscribe" && kind !== "psubscribe") || names.length === 0) return undefined;
  return names.map((name) => ({ kind, name }));
}

function connect(redisUrl: string): Redis {
  const options: RedisOptions = {
    // RESP3 would change the shape of XREAD and HGETALL replies.
    protocol: 2,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    commandTimeout: COMMAND_MS_MAX,
    connectTimeout: FIRST_CONNECT_MS_MAX,
    retryStrategy: (tries) => Math.min(tries * 50, RECONNECT_MS_MAX),
  };
  const redis = new Redis(redisUrl, options);
  // Each command reports its own failure; without a listener ioredis prints every reconnect.
  redis.on("error", () => undefined);
  return redis;
}

/** Answers when the connection is ready or its first try has failed: a gateway starts without Redis, too. */
function untilFirstTry(redis: Redis): Promise<void> {
  if (redis.status === "ready") return Promise.resolve();
  return new Promise((resolve) => {
    redis.once("ready", () => resolve());
    redis.once("close", () => resolve());
  });
}

function answerFailure(error: unknown): Answer {
  const message = error instanceof Error ? error.message : String(error);
  return { status: 503, body: { error: `ERR Redis does not answer: ${message}` } };
}

function reply(response: ServerResponse, { status, body }: Answer): void {
  if (response.headersSent) return void response.end();
  const text = JSON.stringify(body);
  response.writeHead(status, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(text),
  });
  response.end(text);
}
