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

const all: readonly Need[] = ["postgres", "redis", "docker", "runnerImage", "chromium"];

/**
 * Brings up everything tests may need (or what of it is wanted), all at once; the runner image follows the engine it lives in.
 *
 * Errors: none thrown; a part that cannot be had says why.
 */
export async function bringUp(env: NodeJS.ProcessEnv, wanted: readonly Need[] = all): Promise<Part[]> {
  let docker: Promise<Service> | undefined;
  const ensureEngine = () => {
    docker ??= ensureDocker(env);
    return docker;
  };
  const ways: Record<Need, () => Promise<Service>> = {
    postgres: () => ensurePostgres(env),
    redis: () => ensureRedis(env),
    docker: ensureEngine,
    runnerImage: async () => ensureImage(await ensureEngine(), env),
    chromium: () => ensureChromium(env),
  };
  return Promise.all(wanted.map(async (need) => ({ need, service: await ways[need]() })));
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
