import { ensureRunnerBase } from "../images/ensure-runner-base.ts";
import { connectDocker, whyDockerIsSilent } from "../services/connect-docker.ts";
import { ensureDocker } from "../services/ensure-docker.ts";
import { isRunning } from "../services/service.ts";

/** Where runs will execute and why; `image` and `dockerHost` only with Docker. */
export type ChosenRuntime = {
  kind: "docker" | "process";
  why: string;
  image?: string;
  dockerHost?: string;
  stop(): Promise<void>;
};

const nothing = async (): Promise<void> => undefined;

const withDocker = async (
  dockerHost: string | undefined,
  how: string,
  stop: () => Promise<void>,
): Promise<ChosenRuntime> => {
  const { image, how: imageHow } = await ensureRunnerBase(connectDocker(dockerHost));
  return {
    kind: "docker",
    why: `${how}; image ${image} (${imageHow})`,
    image,
    ...(dockerHost === undefined ? {} : { dockerHost }),
    stop,
  };
};

/**
 * Takes Docker where an engine answers, plain processes where none does; what was asked for by name is insisted on: an
 * engine is then installed and started where we may.
 *
 * Errors: throws when Docker was asked for and cannot be had.
 */
export const chooseRuntime = async (wanted: "auto" | "docker" | "process"): Promise<ChosenRuntime> => {
  if (wanted === "process") return { kind: "process", why: "as asked", stop: nothing };
  if (wanted === "docker") {
    const service = await ensureDocker();
    if (!isRunning(service)) throw new Error(`Docker was asked for, but: ${service.missing}`);
    return withDocker(service.url, service.how, service.stop);
  }
  const dockerHost = process.env.DOCKER_HOST;
  const silence = await whyDockerIsSilent(dockerHost);
  if (silence !== undefined) return { kind: "process", why: silence, stop: nothing };
  return withDocker(dockerHost, "a Docker engine answers", nothing);
};
