import Docker from "dockerode";
import type { ExitInfo, Observed } from "../core/observed.ts";
import {
  type ContainerRuntime,
  type RuntimeEvent,
  StartError,
  type StartSpec,
} from "../ports/container-runtime.ts";
import { asEngineError, connection, engineSays } from "./docker-engine.ts";
import { declaredVolumes, pullImage, whyVolumes } from "./docker-image.ts";
import { containerOptions, type DockerConfig, labelNames, labelsFrom, nanoCpus } from "./docker-options.ts";

/** Units: milliseconds. Waits and event streams go through a client without one. */
const requestTimeoutMs = 60_000;
const pingTimeoutMs = 5_000;

/** Gone, or going: what was wanted is true or about to be. */
const ignoreGone = (error: unknown): void => {
  const { statusCode } = asEngineError(error);
  if (statusCode !== 404 && statusCode !== 409 && statusCode !== 304) throw error;
};

/** Why a start failed, for a person, and whether another host or a later try could do better. */
const startError = (error: unknown, image: string): StartError => {
  if (error instanceof StartError) return error;
  const engine = asEngineError(error);
  if (isMissingImage(error)) {
    return new StartError(
      `The runner image ${image} is not on the agent's host. Pull it there, or set LONGSHORE_RUNNER_IMAGE.`,
      true,
      { cause: error },
    );
  }
  if (engine.statusCode === undefined) {
    return new StartError(`The Docker engine cannot be reached: ${engine.message}.`, true, { cause: error });
  }
  return new StartError(`Docker could not start the container: ${engineSays(engine)}.`, true, {
    cause: error,
  });
};

const isMissingImage = (error: unknown): boolean => {
  const engine = asEngineError(error);
  return engine.statusCode === 404 && /no such image/i.test(engineSays(engine));
};

/** Somebody removed it, as `docker network prune` does while no container is up. */
const isMissingNetwork = (error: unknown): boolean => {
  const engine = asEngineError(error);
  return engine.statusCode === 404 && /network .*not found/i.test(engineSays(engine));
};

const noImage = (image: string, reason: string): string =>
  `The image ${image} of this version is not on the agent's host and cannot be pulled: ${reason}.`;

const exitFrom = (inspected: Docker.ContainerInspectInfo): ExitInfo => ({
  code: inspected.State.ExitCode,
  signal: null,
  oomKilled: inspected.State.OOMKilled,
  detail: inspected.State.Error || undefined,
});

/**
 * Docker containers, through the engine's API (1.41 and later).
 *
 * I1  Only containers with this agent's label are listed, and only listed or self-made ones are touched.
 * I2  Two clients: one whose requests end in time, one for the event stream.
 */
export const createDockerRuntime = (config: DockerConfig): ContainerRuntime => {
  const docker = new Docker({ ...connection(config.host), timeout: requestTimeoutMs });
  const streaming = new Docker(connection(config.host)); // I2
  const own = `${labelNames.agent}=${config.agentId}`;
  let cpusOfHost: Promise<number> | null = null;
  const allowed = { init: true, openFiles: true, limitsLater: true };

  const cpus = (): Promise<number> => {
    cpusOfHost ??= docker.info().then((info: { NCPU: number }) => info.NCPU);
    cpusOfHost.catch(() => {
      cpusOfHost = null;
    });
    return cpusOfHost;
  };
  const remove = async (id: string): Promise<void> => {
    await docker.getContainer(id).remove({ force: true, v: true }).catch(ignoreGone);
  };
  const volumesOf = async (container: Docker.Container): Promise<string[]> =>
    (await container.inspect()).Mounts.flatMap(({ Type, Destination }) =>
      String(Type) === "volume" ? [Destination] : [],
    );
  const createAndStart = async (spec: StartSpec, tried: typeof allowed): Promise<string> => {
    const [cpusMax, network] = await Promise.all([cpus(), config.network.open()]);
    const env = { ...spec.env, LONGSHORE_ALONE: "1" };
    const options = containerOptions({ ...spec, env }, config, { cpusMax, network, ...tried });
    const create = () => docker.createContainer(options);
    const image = options.Image as string;
    // Beside the create, so that no start waits for it. A proxy may show containers alone.
    const declared = declaredVolumes(docker, image).catch(() => null);
    const container = await create().catch(async (error: unknown) => {
      if (asEngineError(error).statusCode !== 409) throw error;
      await remove(options.name as string); // our own name for this container: a start that was cut half-way
      return create();
    });
    try {
      // Before it starts: what is in the image may write there.
      const why = whyVolumes(image, (await declared) ?? (await volumesOf(container)));
      if (why !== null) throw new StartError(why, spec.image === null);
      await container.start();
      return container.id;
    } catch (error) {
      await remove(container.id);
      throw error;
    }
  };
  /**
   * Two limits are wishes: an engine without docker-init, or one that may not raise limits itself, goes without. What
   * counts is what this start had `tried`: another one may have learned the same meanwhile.
   */
  const giveUpWhatIsRefused = (tried: typeof allowed, says: string): boolean => {
    if (tried.init && /docker-init|tini/.test(says)) allowed.init = false;
    else if (tried.openFiles && /setting rlimit/.test(says)) allowed.openFiles = false;
    else return false;
    return true;
  };
  const exited = async (id: string, code: number | null): Promise<ExitInfo> => {
    try {
      return exitFrom(await docker.getContainer(id).inspect());
    } catch {
      return { code, signal: null, oomKilled: false }; // removed by hand meanwhile
    }
  };

  return {
    name: "docker",
    async host() {
      const { NCPU, MemTotal } = (await docker.info()) as { NCPU?: number; MemTotal?: number };
      // A proxy before the engine may leave them out.
      if (!NCPU || !MemTotal) throw new Error("the engine does not say how large its host is");
      return { cpu: NCPU, memoryMb: Math.floor(MemTotal / 1024 / 1024) };
    },
    paths: () => ({ bundleDir: "/longshore/bundle", socketPath: "/longshore/agent/agent.sock" }),
    async start(spec) {
      // Null until a pull was tried; then why it failed, or "".
      let pulled: string | null = null;
      let wasLost = false;
      for (;;) {
        const tried = { ...allowed };
        try {
          return await createAndStart(spec, tried);
        } catch (error) {
          if (isMissingImage(error) && spec.image !== null && pulled === null) {
            pulled = await pullImage(config.host, spec.image);
            if (pulled === "") continue;
          }
          if (isMissingNetwork(error) && !wasLost) {
            wasLost = true;
            config.network.lost();
            continue;
          }
          if (giveUpWhatIsRefused(tried, engineSays(asEngineError(error)))) continue;
          if (pulled) throw new StartError(noImage(spec.image ?? "", pulled), true, { cause: error });
          throw startError(error, config.image);
        }
      }
    },
    async limit(id, machine) {
      try {
        await docker.getContainer(id).update({ NanoCpus: nanoCpus(machine, await cpus()) });
      } catch (error) {
        // A proxy that lets nobody change containers: from now on they are limited when they are made.
        if (asEngineError(error).statusCode === 403) {
          allowed.limitsLater = false;
          return false;
        }
        ignoreGone(error);
      }
      return true;
    },
    async kill(id) {
      await docker.getContainer(id).kill({ signal: "SIGKILL" }).catch(ignoreGone);
    },
    async pause(id) {
      await docker.getContainer(id).pause().catch(ignoreGone);
    },
    async resume(id) {
      await docker.getContainer(id).unpause().catch(ignoreGone);
    },
    remove,
    async list() {
      const found = await docker.listContainers({ all: true, filters: { label: [own] } }); // I1
      const all = await Promise.all(
        found.map(async (one): Promise<Observed | null> => {
          const labels = labelsFrom(one.Labels);
          if (!labels || one.State === "removing") return null;
          if (one.State === "running") return { id: one.Id, labels, state: { kind: "running" } };
          if (one.State === "paused") return { id: one.Id, labels, state: { kind: "paused" } };
          return { id: one.Id, labels, state: { kind: "exited", exit: await exited(one.Id, null) } };
        }),
      );
      return all.filter((one) => one !== null);
    },
    async *watch(signal) {
      const stream = (await streaming.getEvents({
        filters: { type: ["container"], event: ["die"], label: [own] },
        abortSignal: signal,
      })) as NodeJS.ReadableStream & AsyncIterable<Buffer> & { destroy(): void };
      const stop = () => stream.destroy();
      signal.addEventListener("abort", stop, { once: true });
      try {
        let rest = "";
        for await (const piece of stream) {
          const lines = (rest + piece.toString()).split("\n");
          rest = lines.pop() ?? "";
          for (const line of lines) {
            if (!line.trim()) continue;
            const event = JSON.parse(line) as { Actor: { ID: string; Attributes: Record<string, string> } };
            const labels = labelsFrom(event.Actor.Attributes);
            if (!labels) continue;
            const exit = await exited(event.Actor.ID, Number(event.Actor.Attributes.exitCode));
            yield { kind: "exited", id: event.Actor.ID, key: labels.key, exit } satisfies RuntimeEvent;
          }
        }
      } catch (error) {
        if (!signal.aborted) throw error;
      } finally {
        signal.removeEventListener("abort", stop);
        stop();
      }
    },
    async ping() {
      const tooLong = new Promise<false>((resolve) =>
        setTimeout(() => resolve(false), pingTimeoutMs).unref(),
      );
      const answered = docker.ping().then(
        () => true,
        () => false,
      );
      return Promise.race([answered, tooLong]);
    },
  };
};
