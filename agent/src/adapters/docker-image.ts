import Docker from "dockerode";
import type { Logger } from "../ports/logger.ts";
import { asEngineError, connection, engineSays } from "./docker-engine.ts";

/** Used when nobody chose another. */
export const publicImage = "node:22-bookworm-slim";
/** What `infra/src/build-images.ts` makes where no registry can be reached; tagged `<Node's major>-local`. */
const localBase = "longshore-runner-base";

/** Units: milliseconds. */
const requestTimeoutMs = 20_000;
const pullMsMax = 60_000;

export type ImageWanted = {
  host: string | undefined;
  /** The image that was chosen by name; only this one will do then. */
  chosen: string | undefined;
  logger: Logger;
  signal: AbortSignal;
};

/** `unknown`: the engine, or the proxy before it, would not say. */
export type ImageFound =
  | { kind: "ready"; image: string }
  | { kind: "missing"; reason: string }
  | { kind: "unknown"; image: string; reason: string };

const says = (error: unknown): string => engineSays(asEngineError(error));

/** Errors: those of the engine, except that the image is absent. */
const isPresent = async (docker: Docker, image: string): Promise<boolean> => {
  try {
    await docker.getImage(image).inspect();
    return true;
  } catch (error) {
    if (asEngineError(error).statusCode === 404) return false;
    throw error;
  }
};

/** Errors: why it could not be pulled; also when it takes too long. */
const pull = async (
  docker: Docker,
  image: string,
  signal: AbortSignal,
  msMax: number = pullMsMax,
): Promise<void> => {
  const tooLong = AbortSignal.timeout(msMax);
  const cut = AbortSignal.any([signal, tooLong]);
  const aborted = new Promise<never>((_, reject) => {
    const onAbort = () => reject(new Error(tooLong.aborted ? `not done after ${msMax / 1000} s` : "stopped"));
    cut.addEventListener("abort", onAbort, { once: true });
  });
  const pulled = (async () => {
    // Without a tag the engine would pull all of them.
    const tagged = /[:@][^/]*$/.test(image) ? image : `${image}:latest`;
    const progress = await docker.pull(tagged, { abortSignal: cut });
    const lines = await new Promise<{ error?: string }[]>((resolve, reject) =>
      docker.modem.followProgress(progress, (error, all) => (error ? reject(error) : resolve(all))),
    );
    // The engine says so in a stream that began with 200.
    const failed = lines.find(({ error }) => error);
    if (failed) throw new Error(failed.error);
    if (!(await isPresent(docker, image))) throw new Error("the engine does not have it after the pull");
  })();
  await Promise.race([pulled, aborted]);
};

/** Errors: those of the engine. Shape: the paths that an image declares as volumes. */
export const declaredVolumes = async (docker: Docker, image: string): Promise<string[]> =>
  Object.keys((await docker.getImage(image).inspect()).Config.Volumes ?? {});

/**
 * Why no container is made of an image with volumes: each is a writable folder on the host's disk, of no size, beside the
 * read-only root, and lives as long as its container. Shape: null when there are none.
 */
export const whyVolumes = (image: string, paths: readonly string[]): string | null =>
  paths.length === 0
    ? null
    : `The image ${image} declares volumes (${[...paths].sort().join(", ")}), which would be disk of the agent's host without a limit. ` +
      "Make it without VOLUME; what its base declares stays, so choose a base without.";

const pulls = new Map<string, Promise<string>>();

/** A large image on a slow line takes its time; it is pulled once for all who wait. Units: milliseconds. */
const versionPullMsMax = 30 * 60_000;
/** How long one run waits for it. Units: milliseconds. */
const pullWaitMs = 20_000;

const pullOnce = (host: string | undefined, image: string): Promise<string> => {
  const known = pulls.get(image);
  if (known) return known;
  const work = pull(new Docker(connection(host)), image, new AbortController().signal, versionPullMsMax)
    .then(
      () => "",
      (error: unknown) => says(error).replace(/[\s.]+$/, ""),
    )
    .finally(() => pulls.delete(image));
  pulls.set(image, work);
  return work;
};

/**
 * Pulls an image that a version needs. A pull that takes longer than a run may wait goes on: the run is handed back and
 * finds the image there when it is tried again.
 *
 * Shape: why it is not there, "" when it is. Cost: up to 20 s.
 */
export const pullImage = async (host: string | undefined, image: string): Promise<string> => {
  let timer: NodeJS.Timeout | undefined;
  const tooLong = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve("it is still being pulled"), pullWaitMs);
  });
  try {
    return await Promise.race([pullOnce(host, image), tooLong]);
  } finally {
    clearTimeout(timer);
  }
};

/** Its name may be asked for through docker-gate, which refuses lists. */
const findLocalBase = async (docker: Docker): Promise<string | null> => {
  const ofThisNode = `${localBase}:${process.versions.node.split(".")[0]}-local`;
  if (await isPresent(docker, ofThisNode).catch(() => false)) return ofThisNode;
  const listed = await docker
    .listImages({ filters: { reference: [`${localBase}:*-local`] } })
    .catch(() => []);
  return listed.flatMap(({ RepoTags }) => RepoTags ?? []).find((tag) => tag.startsWith(localBase)) ?? null;
};

/**
 * Makes sure that the engine has an image for the runs' containers: it is there, or is pulled, or a local base stands
 * in for the one that nobody chose.
 *
 * Errors: none are thrown. Cost: one request when the image is there; otherwise up to 60 s.
 */
export const ensureRunnerImage = async (wanted: ImageWanted): Promise<ImageFound> => {
  const { chosen, logger, signal } = wanted;
  const image = chosen ?? publicImage;
  const docker = new Docker({ ...connection(wanted.host), timeout: requestTimeoutMs });
  try {
    if (await isPresent(docker, image)) return { kind: "ready", image };
  } catch (error) {
    return { kind: "unknown", image, reason: says(error) };
  }
  logger.info("the runner image is not on this host: pulling it", { image });
  try {
    await pull(new Docker(connection(wanted.host)), image, signal);
    return { kind: "ready", image };
  } catch (error) {
    const reason = says(error);
    const local = chosen === undefined && !signal.aborted ? await findLocalBase(docker) : null;
    if (local === null) return { kind: "missing", reason };
    logger.warn("the runner image cannot be pulled: the local base is used", { image, reason, used: local });
    return { kind: "ready", image: local };
  }
};
