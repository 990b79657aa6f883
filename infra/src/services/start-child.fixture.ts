import { isRunning } from "./service.ts";
import { startRedis } from "./start-redis.ts";

// Owns a Redis and waits; start-child.test.ts ends this process in several ways.
const service = await startRedis();
process.stdout.write(`${JSON.stringify(isRunning(service) ? { url: service.url } : service)}\n`);
if (process.argv[2] !== "finish") setInterval(() => undefined, 60_000);
