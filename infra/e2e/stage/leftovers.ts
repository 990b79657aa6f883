import { readdirSync, readFileSync } from "node:fs";
import { connectDocker } from "../../src/services/connect-docker.ts";

const readProc = (pid: string, file: string): string => {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8").replaceAll("\0", " ");
  } catch {
    return ""; // gone since the listing, or a kernel thread
  }
};

/** Processes whose command line or environment holds the text. Shape: `pid command`, one a line; none off Linux. */
export const findProcesses = (text: string): string[] => {
  const pids = process.platform === "linux" ? readdirSync("/proc").filter((name) => /^\d+$/.test(name)) : [];
  return pids
    .filter((pid) => Number(pid) !== process.pid)
    .filter((pid) => readProc(pid, "cmdline").includes(text) || readProc(pid, "environ").includes(text))
    .map((pid) => `${pid} ${readProc(pid, "cmdline").trim().slice(0, 200)}`);
};

/** Containers with a label `name` or `name=value`, whatever their state. */
export const findContainers = async (dockerHost: string, label: string): Promise<string[]> => {
  const docker = connectDocker(dockerHost, 20_000);
  const found = await docker.listContainers({ all: true, filters: { label: [label] } });
  return found.map(({ Id, Image, State }) => `${Id.slice(0, 12)} ${Image} ${State}`);
};

/** Containers that mount a folder of the host with this text in its path, whatever their state. Shape: `id folder`. */
export const findContainersMounting = async (dockerHost: string, text: string): Promise<string[]> => {
  const found = await connectDocker(dockerHost, 20_000).listContainers({ all: true });
  return found.flatMap(({ Id, Mounts }) => {
    const mount = Mounts.find(({ Source }) => Source?.includes(text));
    return mount ? [`${Id.slice(0, 12)} ${mount.Source}`] : [];
  });
};
