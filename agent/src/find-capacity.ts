import { availableParallelism, totalmem } from "node:os";
import type { AgentConfig } from "./config.ts";
import type { Room } from "./core/room.ts";
import type { ContainerRuntime } from "./ports/container-runtime.ts";

const mib = 1024 * 1024;
const ownHost = (): Room => ({ cpu: availableParallelism(), memoryMb: Math.floor(totalmem() / mib) });

/**
 * What this agent may give to its runs together: what it was told, else all of the runtime's host but the memory that is
 * to stay free there. An engine that does not answer is taken to be on this host.
 *
 * Shape: null where a runtime holds no run to its machine and nothing was told: then only the number of runs counts.
 */
export const findCapacity = async (
  { cpus, memoryMb, memoryFreeMbMin }: Pick<AgentConfig, "cpus" | "memoryMb" | "memoryFreeMbMin">,
  runtime: Pick<ContainerRuntime, "host">,
): Promise<Room | null> => {
  if (cpus !== undefined && memoryMb !== undefined) return { cpu: cpus, memoryMb };
  const found = await runtime.host().catch(ownHost);
  if (found === null && cpus === undefined && memoryMb === undefined) return null;
  const host = found ?? ownHost();
  return { cpu: cpus ?? host.cpu, memoryMb: memoryMb ?? Math.max(0, host.memoryMb - memoryFreeMbMin) };
};
