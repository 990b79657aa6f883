import { basename } from "node:path";
import type { AgentConfig } from "./config.ts";
import { dockerNetworkOf } from "./core/egress.ts";

type Made = Pick<AgentConfig, "runnerImage" | "containerRuntime" | "network" | "egressAllow">;

/**
 * What containers were made with: those of another generation serve no further run. It names the Docker network that
 * the settings come to, by its rules.
 *
 * Shape: begins with the runtime's name and a space.
 */
export const poolGeneration = (
  config: Made,
  { runtime, runnerDir, address }: { runtime: string; runnerDir: string; address: string | null },
): string =>
  [
    runtime,
    basename(runnerDir),
    config.runnerImage ?? "",
    config.containerRuntime ?? "",
    dockerNetworkOf(config),
    address ?? "",
  ].join(" ");
