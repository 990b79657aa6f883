import { Redis } from "@upstash/redis";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isRunning } from "../services/service.ts";
import { type OwnRedis, startRedis } from "../services/start-redis.ts";
import { needs } from "../testing/need.ts";
import { startUpstashGateway, type UpstashGateway } from "./upstash-gateway.ts";

const TOKEN = "test-token";
const server = needs("redis");
let prefix = 0;
const key = (name: string) => `gateway:${process.pid}:${prefix++}:${name}`;

describe.skipIf(!server)("the Upstash stand-in, driven by Upstash's client", () => {
  let gateway: UpstashGateway;
  let redis: Redis;

  beforeAll(async () => {
    gateway = await startUpstashGateway({ redisUrl: server ?? "", token: TOKEN });
    redis = new Redis({ url: gateway.url, token: TOKEN });
  });
  afterAll(() => gateway?.close());

  test("strings, numbers, nothing and every kind of text come back as they went", async () => {
    const [text, number, none] = [key("text"), key("number"), key("none")];
    expect(await redis.set(text, "é\n\u0000 OK")).toBe("OK");
    expect(await redis.get(text)).toBe("é\n\u0000 OK");
    expect(await redis.incrby(number, 41)).toBe(41);
    expect(await redis.incr(number)).toBe(42);
    expect(await redis.get(none)).toBeNull();
    expect(await redis.set(text, "again", { nx: true })).toBeNull();
    await redis.set(text, "OK");
    expect(await redis.get(text)).toBe("OK");
  });

  test("hashes, sorted sets and streams keep their shape", async () => {
    const [hash, set, stream] = [key("hash"), key("set"), key("stream")];
    await redis.hset(hash, { a: "1", b: "two" });
    expect(await redis.hgetall(hash)).toEqual({ a: 1, b: "two" });
    await redis.zadd(set, { score: 2, member: "late" }, { score: 1, member: "soon" });
    expect(await redis.zrange(set, 0, -1, { withScores: true })).toEqual(["soon", 1, "late", 2]);
    const id = await redis.xadd(stream, "*", { part: "hello" });
    expect(await redis.xread(stream, "0")).toEqual([[stream, [[id, ["part", "hello"]]]]]);
  });

  test("scripts run, and their errors are errors", async () => {
    const counter = key("script");
    const script = "redis.call('set', KEYS[1], ARGV[1]); return {redis.call('incr', KEYS[1]), 'x', false}";
    expect(await redis.eval(script, [counter], ["5"])).toEqual([6, "x", null]);
    await expect(redis.eval("return redis.error_reply('MINE broken')", [], [])).rejects.toThrow(
      "MINE broken",
    );
    const cached = redis.createScript<number>("return 7");
    expect([await cached.exec([], []), await cached.exec([], [])]).toEqual([7, 7]);
  });

  test("a pipeline keeps its order and the errors of single commands", async () => {
    const text = key("pipeline");
    const results = await redis
      .pipeline()
      .set(text, "word")
      .get(text)
      .incr(text)
      .get(text)
      .exec({ keepErrors: true });
    expect(results.map(({ result }) => result)).toEqual(["OK", "word", undefined, "word"]);
    expect(results[2]?.error).toContain("not an integer");
  });

  test("a transaction is atomic, and a malformed one runs nothing", async () => {
    const counter = key("multi");
    const all = Array.from({ length: 10 }, () =>
      redis.multi().incr(counter).incr(counter).exec<[number, number]>(),
    );
    for (const [first, second] of await Promise.all(all)) expect(second).toBe(first + 1);
    const malformed = [["INCR", counter], ["INCR"]];
    const response = await post("/multi-exec", malformed);
    expect(response.status).toBe(400);
    expect(await redis.get(counter)).toBe(20);
  });

  test("subscribers and pattern subscribers hear what is published", async () => {
    const channel = key("channel");
    // The client takes a pmessage only as JSON.
    const payload = { text: "hello, you" };
    const heard: unknown[] = [];
    const exact = redis.subscribe<object>(channel);
    const pattern = redis.psubscribe<object>(`${channel}*`);
    exact.on("message", ({ message }) => heard.push(["message", message]));
    pattern.on("pmessage", ({ channel: from, message }) => heard.push(["pmessage", from, message]));
    await Promise.all([
      new Promise((resolve) => exact.on("subscribe", resolve)),
      new Promise((resolve) => pattern.on("psubscribe", resolve)),
    ]);
    expect(await redis.publish(channel, payload)).toBe(2);
    await expect.poll(() => heard.length).toBe(2);
    expect(heard).toContainEqual(["message", payload]);
    expect(heard).toContainEqual(["pmessage", channel, payload]);
    await exact.unsubscribe();
    await pattern.unsubscribe();
    await expect.poll(() => redis.publish(channel, "nobody")).toBe(0);
  });

  test("a wrong token and a blocking command are refused", async () => {
    expect((await post("/", ["PING"], "wrong")).status).toBe(401);
    expect((await post("/", ["BLPOP", "x", 0])).status).toBe(400);
    expect((await post("/", { not: "a command" })).status).toBe(400);
  });

  function post(path: string, body: unknown, token = TOKEN): Promise<Response> {
    return fetch(`${gateway.url}${path}`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}` },
      body: JSON.stringify(body),
    });
  }
});

describe.skipIf(!server)("the Upstash stand-in when Redis dies", () => {
  let own: OwnRedis;
  let gateway: UpstashGateway;

  beforeAll(async () => {
    const service = await startRedis();
    if (!isRunning(service)) throw new Error(`this test must kill a Redis of its own: ${service.missing}`);
    own = service;
    gateway = await startUpstashGateway({ redisUrl: own.url, token: TOKEN });
  });
  afterAll(async () => {
    await gateway?.close();
    await own?.stop();
  });

  test("answers 503 promptly, ends streams, and goes on when Redis is back", async () => {
    expect(await ping()).toBe(200);
    const next = await openStream("news");
    await own.kill();
    expect(await next()).toBeUndefined();
    const asked = performance.now();
    expect(await ping()).toBe(503);
    expect((await fetch(`${gateway.url}/subscribe/news`, { headers })).status).toBe(503);
    expect(performance.now() - asked).toBeLessThan(1_000);
    await own.restart();
    await expect.poll(ping, { timeout: 5_000 }).toBe(200);
    await expect.poll(async () => (await fetch(`${gateway.url}/subscribe/x`, { headers })).status).toBe(200);
    const nextAgain = await openStream("news");
    await fetch(gateway.url, { method: "POST", headers, body: JSON.stringify(["PUBLISH", "news", "back"]) });
    expect(await nextAgain()).toContain("message,news,back");
  });

  test("starts while Redis is down and serves it later", async () => {
    await own.kill();
    const early = await startUpstashGateway({ redisUrl: own.url, token: TOKEN });
    expect(await ping(early.url)).toBe(503);
    await own.restart();
    await expect.poll(() => ping(early.url), { timeout: 5_000 }).toBe(200);
    await early.close();
  });

  const headers = { authorization: `Bearer ${TOKEN}` };
  const ping = async (url = gateway.url) =>
    (await fetch(url, { method: "POST", headers, body: '["PING"]' })).status;

  async function openStream(channel: string) {
    const response = await fetch(`${gateway.url}/subscribe/${channel}`, { headers });
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    const next = async () => (await reader?.read())?.value;
    expect(await next()).toContain(`subscribe,${channel},1`);
    return next;
  }
});
