import { join } from "node:path";
import { createDockerRuntime } from "./adapters/docker.ts";
import { ensureRunnerImage, publicImage } from "./adapters/docker-image.ts";
import { createProcessRuntime } from "./adapters/process.ts";
import { AgentError } from "./agent-error.ts";
import type { AgentConfig } from "./config.ts";
import type { ContainerRuntime } from "./ports/container-runtime.ts";
import type { Logger } from "./ports/logger.ts";

/**
 * Docker where it is asked for or answers, plain processes otherwise. An engine that answers must have the image: runs
 * on a host with Docker are never given less isolation because of it.
 *
 * Errors: `AgentError` when the image is neither there nor to be had. Cost: up to 60 s for a pull.
 */
export const chooseRuntime = async (
  config: AgentConfig,
  agentId: string,
  logger: Logger,
  signal: AbortSignal,
): Promise<ContainerRuntime> => {
  const asProcess = () => createProcessRuntime(join(config.dataDir, "runs"), agentId);
  if (config.runtime === "process") return asProcess();
  const { network, dockerHost: host, dataDir, hostDataDir, runnerImage: chosen } = config;
  const dockerWith = (image: string) =>
    createDockerRuntime({ agentId, image, network, host, dataDir, hostDataDir });
  const image = chosen ?? publicImage;
  const docker = dockerWith(image);
  if (!(await docker.ping())) {
    if (config.runtime === "docker") return docker;
    logger.info("no Docker engine answers: runs execute as plain processes");
    return asProcess();
  }
  const found = await ensureRunnerImage({ host, chosen, logger, signal });
  if (found.kind === "missing") {
    if (signal.aborted) throw new AgentError("The agent was stopped before it was started.");
    throw new AgentError(
      `The runner image ${image} is not on this host and cannot be pulled (${found.reason.replace(/\s+/g, " ")}). ` +
        "Set LONGSHORE_RUNNER_IMAGE to one that can be had, or make one here with: npx tsx infra/src/build-images.ts",
    );
  }
  if (found.kind === "unknown") logger.warn("the runner image could not be checked", { ...found });
  return found.image === image ? docker : dockerWith(found.image);
};
