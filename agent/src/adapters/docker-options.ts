import { relative, resolve } from "node:path";
import { type MachinePreset, machinePresets } from "@longshore/shared/contract/machines";
import type Docker from "dockerode";
import type { ContainerLabels } from "../core/observed.ts";
import type { StartSpec } from "../ports/container-runtime.ts";

export type ContainerNetwork = {
  /** Sees to it that it is there. Shape: its name, or `none`. Errors: `StartError` with the reason. */
  open(): Promise<string>;
  /** The engine has it no more: it is made again for the next container. */
  lost(): void;
};

export type DockerConfig = {
  agentId: string;
  image: string;
  network: ContainerNetwork;
  /** A runtime of the engine's, such as `runsc`; its default one when it is not set. */
  containerRuntime?: string | undefined;
  /** Engine address as DOCKER_HOST has it; the default socket when it is not set. */
  host?: string | undefined;
  /** The agent's data folder as this process sees it, and as the engine's host does. */
  dataDir: string;
  hostDataDir: string;
};

export const labelNames = {
  agent: "dev.longshore.agent",
  dir: "dev.longshore.dir",
} as const;

/** Null for a container that is not a runner of ours. */
export const labelsFrom = (labels: Record<string, string>): ContainerLabels | null => {
  const { [labelNames.dir]: key } = labels;
  return key ? { key } : null;
};

/** The user of the official Node images; nothing in the container is its own but /tmp. */
const user = "1000:1000";
const pidsMax = 1_024;
const openFilesMax = 65_536;
const mib = 1024 * 1024;

/** What a machine may use of the processors. Units: `cpusMax` is what the engine accepts, the CPUs of its host. */
export const nanoCpus = (machine: MachinePreset, cpusMax: number): number =>
  Math.round(Math.min(machinePresets[machine].cpu, cpusMax) * 1e9);

/**
 * A container for one deployment's runs, closed as far as it goes: no root, no capabilities, no new privileges, nothing writable but
 * a temporary file system that counts towards its memory, no swap, no core dumps, no engine socket.
 *
 * `limitsLater`: its processors are limited by `nanoCpus` once it is up. Source: Docker Engine API 1.41.
 */
export const containerOptions = (
  spec: StartSpec,
  config: DockerConfig,
  host: { cpusMax: number; init: boolean; openFiles: boolean; limitsLater: boolean; network: string },
): Docker.ContainerCreateOptions => {
  const { memoryGb } = machinePresets[spec.machine];
  const memoryBytes = Math.round(memoryGb * 1024) * mib;
  const tmpMib = Math.max(64, Math.round((memoryGb * 1024) / 2));
  const onHost = (path: string): string => resolve(config.hostDataDir, relative(config.dataDir, path));
  return {
    name: `longshore-${spec.labels.key}`,
    Image: spec.image ?? config.image,
    Entrypoint: ["node"],
    Cmd: ["/longshore/bin/runner.cjs"],
    WorkingDir: "/tmp",
    User: user,
    Env: Object.entries({ HOME: "/tmp", LONGSHORE_HIDE: "1", ...spec.env }).map(
      ([name, value]) => `${name}=${value}`,
    ),
    Labels: {
      [labelNames.agent]: config.agentId,
      [labelNames.dir]: spec.labels.key,
    },
    StopTimeout: 10,
    HostConfig: {
      // Folders, not files: the socket is made anew when the agent restarts. To connect to it needs no write to its folder,
      // which the container's user may own.
      Binds: [
        `${onHost(spec.runnerDir)}:/longshore/bin:ro`,
        `${onHost(spec.bundleDir)}:/longshore/bundle:ro`,
        `${onHost(spec.socketDir)}:/longshore/agent:ro`,
      ],
      NetworkMode: host.network,
      CapDrop: ["ALL"],
      SecurityOpt: ["no-new-privileges"],
      ReadonlyRootfs: true,
      Tmpfs: { "/tmp": `rw,nosuid,nodev,size=${tmpMib}m,mode=1777,uid=1000,gid=1000` },
      Memory: memoryBytes,
      MemorySwap: memoryBytes,
      ...(host.limitsLater ? {} : { NanoCpus: nanoCpus(spec.machine, host.cpusMax) }),
      PidsLimit: pidsMax,
      Ulimits: [
        ...(host.openFiles ? [{ Name: "nofile", Soft: openFilesMax, Hard: openFilesMax }] : []),
        { Name: "core", Soft: 0, Hard: 0 },
      ],
      IpcMode: "private",
      // When the host itself runs short, runs go before the agent and its neighbours.
      OomScoreAdj: 500,
      // Everything the run says goes through the socket; a log file beside it would only fill the host's disk.
      LogConfig: { Type: "none", Config: {} },
      RestartPolicy: { Name: "no" },
      ...(config.containerRuntime ? { Runtime: config.containerRuntime } : {}),
      ...(host.init ? { Init: true } : {}),
    },
  };
};
