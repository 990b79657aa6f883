import { ensureRunnerBase } from "../images/ensure-runner-base.ts";
import { connectDocker } from "../services/connect-docker.ts";
import { ensureChromium } from "../services/ensure-chromium.ts";
import { ensureDocker } from "../services/ensure-docker.ts";
import { ensurePostgres } from "../services/ensure-postgres.ts";
import { ensureRedis } from "../services/ensure-redis.ts";
import { isRunning, oneLine, type Service } from "../services/service.ts";
import type { Need } from "./need.ts";

/** One part that tests may need: how we have it, or why not. */
export interface Part {
  need: Need;
  service: Service;
}

/**
 * Brings up everything tests may need, all at once; the runner image follows the engine it lives in.
 *
 * Errors: none thrown; a part that cannot be had says why.
 */
export async function bringUp(env: NodeJS.ProcessEnv): Promise<Part[]> {
  const docker = ensureDocker(env);
  const starting: Record<Need, Promise<Service>> = {
    postgres: ensurePostgres(env),
    redis: ensureRedis(env),
    docker,
    runnerImage: docker.then((engine) => ensureImage(engine, env)),
    chromium: ensureChromium(env),
  };
  return Promise.all(
    Object.entries(starting).map(async ([need, service]) => ({ need: need as Need, service: await service })),
  );
}

async function ensureImage(engine: Service, env: NodeJS.ProcessEnv): Promise<Service> {
  if (!isRunning(engine)) return { missing: "it needs docker" };
  try {
    const { image, how } = await ensureRunnerBase(connectDocker(engine.url), env);
    return { url: image, how, stop: async () => undefined };
  } catch (error) {
    return { missing: oneLine(error) };
  }
}
