import type { MachinePreset } from "@longshore/shared/contract/machines";
import type { ContainerLabels, ExitInfo, Observed } from "../core/observed.ts";

/** What a runtime needs to start a runner. Paths are as this process sees them. */
export type StartSpec = {
  labels: ContainerLabels;
  machine: MachinePreset;
  /** The image it is made of; null for the agent's own. */
  image: string | null;
  /** The container's own folder; a runtime may keep a record in it. */
  dir: string;
  /** Holds only `agent.sock`. */
  socketDir: string;
  /** Where code appears once the container is bound to a deployment. With `socketDir` all that a container sees of `dir`. */
  bundleDir: string;
  /** Holds `runner.cjs` and `executor.cjs`. */
  runnerDir: string;
  /** No run waits for it: it is made to be ready. */
  isAhead: boolean;
  /** Environment of the runner: nothing secret but its own token. */
  env: Record<string, string>;
};

/** A container or process of ours has ended. */
export type RuntimeEvent = { kind: "exited"; id: string; key: string; exit: ExitInfo };

/** The start failed; `message` is for a person, `retryable: false` when no agent could do better. */
export class StartError extends Error {
  constructor(
    message: string,
    readonly retryable: boolean,
    options: { cause?: unknown } = {},
  ) {
    super(message, options);
    this.name = "StartError";
  }
}

/** What executes runners: Docker containers, or plain processes. It touches only what carries this agent's label. */
export type ContainerRuntime = {
  readonly name: string;
  /** CPUs and memory of where runs execute; null when none is held to what its machine may use. Units: MiB. */
  host(): Promise<{ cpu: number; memoryMb: number } | null>;
  /** Where the container sees the bundle and the socket folder. */
  paths(spec: { bundleDir: string; socketDir: string }): { bundleDir: string; socketPath: string };
  /**
   * Starts a runner, where that can be changed later without its limit on processors: two starts of Node under half a
   * processor would take half a second. Errors: `StartError`. Shape: the new container's id.
   */
  start(spec: StartSpec): Promise<string>;
  /** Holds it to what its machine may use from now on. Gone already is fine. Shape: false where that can never be. */
  limit(id: string, machine: MachinePreset): Promise<boolean>;
  /** Ends everything in it at once. Gone already is fine. */
  kill(id: string): Promise<void>;
  pause(id: string): Promise<void>;
  resume(id: string): Promise<void>;
  /** Kills if needed, and removes every trace. Gone already is fine. */
  remove(id: string): Promise<void>;
  list(): Promise<Observed[]>;
  /** Ends of containers, as they happen; ends when the runtime cannot be heard any more. */
  watch(signal: AbortSignal): AsyncIterable<RuntimeEvent>;
  /** Whether the runtime answers. */
  ping(): Promise<boolean>;
};
