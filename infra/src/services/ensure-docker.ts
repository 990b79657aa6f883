import { aptInstall } from "./apt-install.ts";
import { DEFAULT_DOCKER_HOST, whyDockerIsSilent } from "./connect-docker.ts";
import { findBinary } from "./find-binary.ts";
import { firstService, type Service } from "./service.ts";
import { startDocker } from "./start-docker.ts";

/**
 * A Docker engine to test against, by the first way that works: the one at `DOCKER_HOST` or the default socket, a
 * `dockerd` of our own (root only), the same after apt installed it.
 *
 * Shape: `url` is the `DOCKER_HOST` to use.
 */
export function ensureDocker(env: NodeJS.ProcessEnv = process.env): Promise<Service> {
  return firstService([
    () => fromHost(env.DOCKER_HOST || DEFAULT_DOCKER_HOST),
    () => startDocker(),
    () => fromApt(env),
  ]);
}

async function fromHost(url: string): Promise<Service> {
  const reason = await whyDockerIsSilent(url);
  return reason ? { missing: reason } : { url, how: "running engine", stop: async () => undefined };
}

async function fromApt(env: NodeJS.ProcessEnv): Promise<Service> {
  if (findBinary(["dockerd"]) && findBinary(["iptables"]))
    return { missing: "installing again would not help" };
  const reason = await aptInstall(["docker.io", "iptables"], env);
  return reason ? { missing: reason } : startDocker();
}
