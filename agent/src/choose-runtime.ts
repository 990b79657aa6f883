import { join } from "node:path";
import type { Clock } from "@longshore/shared/core/clock";
import { createDockerRuntime } from "./adapters/docker.ts";
import { openEgress } from "./adapters/docker-egress.ts";
import { whyNoRuntime } from "./adapters/docker-engine.ts";
import { ensureRunnerImage, publicImage } from "./adapters/docker-image.ts";
import { createProcessRuntime } from "./adapters/process.ts";
import { AgentError } from "./agent-error.ts";
import type { AgentConfig } from "./config.ts";
import type { ContainerRuntime } from "./ports/container-runtime.ts";
import type { Logger } from "./ports/logger.ts";

export type ChooseDeps = {
  logger: Logger;
  clock: Clock;
  /** Gives up starting. */
  signal: AbortSignal;
  /** Aborted when the agent has ended. */
  stopped: AbortSignal;
  /** Whether an earlier process of this agent kept containers in Docker, as its records say. */
  leftContainers(): Promise<boolean>;
  /** Told why no work can be taken, and null when it can. */
  holdBack(reason: string | null): void;
};

/**
 * Docker where it is asked for, answers, or still has containers of this agent; plain processes otherwise. An engine that
 * answers must have the image: runs on a host with Docker are never given less isolation because of it.
 *
 * Errors: `AgentError` when the image is neither there nor to be had. Cost: up to 60 s for a pull.
 */
export const chooseRuntime = async (
  config: AgentConfig,
  agentId: string,
  { logger, clock, signal, stopped, leftContainers, holdBack }: ChooseDeps,
): Promise<ContainerRuntime> => {
  const asProcess = () => createProcessRuntime(join(config.dataDir, "runs"), agentId);
  if (config.runtime === "process") return asProcess();
  const { dockerHost: host, dataDir, hostDataDir, runnerImage: chosen, containerRuntime } = config;
  const { network: wanted, egressAllow: allow, egressMark: markPath } = config;
  const { goesWithoutNetwork: goesWithout } = config;
  const forEgress = {
    ...{ network: wanted, goesWithout, allow, markPath, host },
    ...{ logger, clock, holdBack, signal: stopped },
  };
  const network = openEgress(forEgress);
  const dockerWith = (image: string) =>
    createDockerRuntime({ agentId, image, network, host, dataDir, hostDataDir, containerRuntime });
  const image = chosen ?? publicImage;
  const docker = dockerWith(image);
  if (!(await docker.ping())) {
    const hasLeft = config.runtime === "auto" && (await leftContainers());
    if (config.runtime === "auto" && !hasLeft) {
      logger.info("no Docker engine answers: runs execute as plain processes");
      return asProcess();
    }
    if (hasLeft)
      logger.warn("no Docker engine answers, and an earlier start left containers: waiting for the engine");
    void network.open().catch(() => {}); // tried again until there is an engine
    return docker;
  }
  const lacking = await whyNoRuntime(host, containerRuntime);
  if (lacking !== null) throw new AgentError(lacking);
  const found = await ensureRunnerImage({ host, chosen, logger, signal });
  if (found.kind === "missing") {
    if (signal.aborted) throw new AgentError("The agent was stopped before it was started.");
    throw new AgentError(
      `The runner image ${image} is not on this host and cannot be pulled (${found.reason.replace(/\s+/g, " ")}). ` +
        "Set LONGSHORE_RUNNER_IMAGE to one that can be had, or make one here with: npx tsx infra/src/build-images.ts",
    );
  }
  // Now, so that no run is claimed for which there is none, and none waits for it.
  await network.open().catch(() => {});
  if (found.kind === "unknown") logger.warn("the runner image could not be checked", { ...found });
  return found.image === image ? docker : dockerWith(found.image);
};
