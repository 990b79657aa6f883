import type Docker from "dockerode";
import { buildRunnerBase } from "./build-runner-base.ts";

const PULL_MS_MAX = 10_000;
/** Used where no image of this machine's own Node can be made. */
const PUBLIC_IMAGE = "node:22-bookworm-slim";

/** The image runners start from, and how we came by it. */
export interface RunnerBase {
  image: string;
  how: "present" | "pulled" | "made";
}

/**
 * Makes sure the engine has an image to start runners from: the one named by `LONGSHORE_RUNNER_IMAGE` if it is there or
 * can be pulled within ten seconds, else one made from this machine's Node.
 *
 * Errors: throws when none of these works.
 */
export async function ensureRunnerBase(
  docker: Docker,
  env: NodeJS.ProcessEnv = process.env,
): Promise<RunnerBase> {
  const wanted = env.LONGSHORE_RUNNER_IMAGE || (process.platform === "linux" ? undefined : PUBLIC_IMAGE);
  if (wanted && (await isPresent(docker, wanted))) return { image: wanted, how: "present" };
  if (wanted && (await pull(docker, wanted))) return { image: wanted, how: "pulled" };
  const { image, isNew } = await buildRunnerBase(docker);
  return { image, how: isNew ? "made" : "present" };
}

function isPresent(docker: Docker, image: string): Promise<boolean> {
  return docker
    .getImage(image)
    .inspect()
    .then(() => true)
    .catch(() => false);
}

/** True when the image is there afterwards; a registry that is slow or away is no error. */
async function pull(docker: Docker, image: string): Promise<boolean> {
  try {
    const progress = await docker.pull(image, { abortSignal: AbortSignal.timeout(PULL_MS_MAX) });
    await new Promise((resolve, reject) =>
      docker.modem.followProgress(progress, (error, lines) => (error ? reject(error) : resolve(lines))),
    );
  } catch {
    return false;
  }
  return isPresent(docker, image);
}
