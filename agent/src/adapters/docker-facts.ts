import Docker from "dockerode";
import { asEngineError, connection, engineSays } from "./docker-engine.ts";
import { labelNames } from "./docker-options.ts";

/** Units: milliseconds. */
const askMsMax = 8_000;
const mib = 1024 * 1024;

/** What an engine says of itself, as far as agents depend on it. Null: it (or the proxy before it) would not say. */
export type EngineFacts = {
  version: string;
  apiVersion: string;
  cgroup: { version: string; memory: boolean; swap: boolean; cpu: boolean; pids: boolean } | null;
  host: { cpu: number; memoryMb: number } | null;
  hasImage: boolean | null;
  hasNetwork: boolean | null;
  /** Containers of agents on this engine, by agent. */
  containers: { agentId: string; name: string; state: string }[] | null;
};

export type EngineAnswer =
  | { kind: "facts"; facts: EngineFacts }
  | { kind: "silent"; why: string; code: string };

type Info = {
  NCPU?: number;
  MemTotal?: number;
  CgroupVersion?: string;
  MemoryLimit?: boolean;
  SwapLimit?: boolean;
  CpuCfsQuota?: boolean;
  PidsLimit?: boolean;
};

const exists = (asked: Promise<unknown>): Promise<boolean | null> =>
  asked.then(
    () => true,
    (error: unknown) => (asEngineError(error).statusCode === 404 ? false : null),
  );

/**
 * Asks an engine what an agent needs of it, for `longshore agent doctor`.
 *
 * Errors: none are thrown. Cost: five requests.
 */
export const askEngine = async (wanted: {
  host: string | undefined;
  image: string;
  network: string;
}): Promise<EngineAnswer> => {
  const docker = new Docker({ ...connection(wanted.host), timeout: askMsMax });
  try {
    await docker.ping();
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "";
    return { kind: "silent", why: engineSays(asEngineError(error)), code };
  }
  const orNull = <T>(asked: Promise<T>): Promise<T | null> => asked.catch(() => null);
  const [version, info, hasImage, hasNetwork, containers] = await Promise.all([
    orNull(docker.version()),
    orNull(docker.info() as Promise<Info>),
    exists(docker.getImage(wanted.image).inspect()),
    exists(docker.getNetwork(wanted.network).inspect()),
    orNull(docker.listContainers({ all: true, filters: { label: [labelNames.agent] } })),
  ]);
  return {
    kind: "facts",
    facts: {
      version: version?.Version ?? "unknown",
      apiVersion: version?.ApiVersion ?? "unknown",
      cgroup: info && {
        version: info.CgroupVersion ?? "1",
        memory: info.MemoryLimit === true,
        swap: info.SwapLimit === true,
        cpu: info.CpuCfsQuota === true,
        pids: info.PidsLimit === true,
      },
      host:
        info?.NCPU && info.MemTotal ? { cpu: info.NCPU, memoryMb: Math.floor(info.MemTotal / mib) } : null,
      hasImage,
      hasNetwork,
      containers:
        containers?.map(({ Labels, Names, State }) => ({
          agentId: Labels[labelNames.agent] ?? "",
          name: (Names[0] ?? "").replace(/^\//, ""),
          state: State,
        })) ?? null,
    },
  };
};
