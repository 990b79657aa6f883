import { aptInstall } from "./apt-install.ts";
import { whyDockerIsSilent } from "./connect-docker.ts";
import { firstService, type RunningService, type Service } from "./service.ts";
import { type OwnRedis, startRedis } from "./start-redis.ts";
import { whyRedisIsSilent } from "./why-redis-is-silent.ts";

/** A Redis that answers; `kill` and `restart` are there when the process is ours. */
export type RunningRedis = RunningService & Partial<Pick<OwnRedis, "kill" | "restart">>;

/**
 * A Redis to test against, by the first way that works: the one at `REDIS_URL`, the machine's `redis-server`, the same
 * after apt installed it (root only), a container (`LONGSHORE_REDIS_IMAGE`, default redis:7).
 */
export function ensureRedis(env: NodeJS.ProcessEnv = process.env): Promise<Service<RunningRedis>> {
  return firstService<RunningRedis>([
    () => fromUrl(env.REDIS_URL),
    startRedis,
    () => fromApt(env),
    () => fromContainer(env),
  ]);
}

async function fromUrl(url: string | undefined): Promise<Service<RunningRedis>> {
  if (!url) return { missing: "REDIS_URL is not set" };
  const reason = await whyRedisIsSilent(url);
  if (reason) return { missing: `REDIS_URL does not answer (${reason})` };
  return { url, how: "REDIS_URL", stop: async () => undefined };
}

async function fromApt(env: NodeJS.ProcessEnv): Promise<Service<RunningRedis>> {
  const reason = await aptInstall(["redis-server"], env);
  return reason ? { missing: reason } : startRedis();
}

async function fromContainer(env: NodeJS.ProcessEnv): Promise<Service<RunningRedis>> {
  const reason = await whyDockerIsSilent(env.DOCKER_HOST);
  if (reason) return { missing: reason };
  const { RedisContainer } = await import("@testcontainers/redis");
  const image = env.LONGSHORE_REDIS_IMAGE ?? "redis:7";
  const container = await new RedisContainer(image).start();
  return {
    url: container.getConnectionUrl(),
    how: `container of ${image}`,
    stop: () => container.stop().then(() => undefined),
  };
}
