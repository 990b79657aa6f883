import { defaultMachine, machinePresets } from "@longshore/shared/contract/machines";
import type { Room } from "./room.ts";

/** One thing that was looked at. `next`: what to do about it. */
export type Check = {
  name: string;
  state: "ok" | "warn" | "fail" | "skipped";
  says: string;
  next?: string;
};

export const ok = (name: string, says: string): Check => ({ name, state: "ok", says });
export const warn = (name: string, says: string, next: string): Check => ({
  name,
  state: "warn",
  says,
  next,
});
export const fail = (name: string, says: string, next: string): Check => ({
  name,
  state: "fail",
  says,
  next,
});
export const skipped = (name: string, says: string): Check => ({ name, state: "skipped", says });

const mib = 1024 * 1024;

/** Units: bytes; `min` is what claims stop at. */
export const diskCheck = (free: number, min: number, folder: string): Check => {
  const says = `${Math.floor(free / mib)} MiB are free for ${folder}`;
  const next = "Make room there, or put LONGSHORE_AGENT_DATA on another disk.";
  if (free < min) return fail("disk", `${says}; below ${Math.ceil(min / mib)} MiB nothing is claimed`, next);
  return free < 4 * min ? warn("disk", says, next) : ok("disk", says);
};

/** How far this host's clock may be from the API's: tokens are refused beyond the second. Units: milliseconds. */
const skewMs = { warn: 5_000, fail: 60_000 };

/** Units: milliseconds; `offsetMs` of this host's clock from the API's, known to within `withinMs`. */
export const clockCheck = (offsetMs: number, withinMs: number): Check => {
  const seconds = Math.round(Math.abs(offsetMs) / 100) / 10;
  const next = "Set this host's clock by NTP (systemd-timesyncd, chrony).";
  const says = `this host's clock is ${seconds} s ${offsetMs < 0 ? "behind" : "ahead of"} the API's`;
  if (Math.abs(offsetMs) - withinMs > skewMs.fail) return fail("clock", `${says}: tokens are refused`, next);
  if (Math.abs(offsetMs) - withinMs > skewMs.warn) return warn("clock", says, next);
  return ok("clock", "this host's clock agrees with the API's");
};

const apiMin = [1, 41] as const;

export const engineCheck = (version: string, apiVersion: string): Check => {
  const [major = 0, minor = 0] = apiVersion.split(".").map(Number);
  const says = `Docker ${version} (API ${apiVersion})`;
  const isNew = major > apiMin[0] || (major === apiMin[0] && minor >= apiMin[1]);
  if (apiVersion === "unknown")
    return warn(
      "engine",
      "Docker answers, but not with its version",
      "Let the proxy before it answer GET /version.",
    );
  return isNew ? ok("engine", says) : fail("engine", says, "Upgrade Docker to 20.10 or later.");
};

export const cgroupCheck = (
  cgroup: { version: string; memory: boolean; swap: boolean; cpu: boolean; pids: boolean } | null,
): Check => {
  if (cgroup === null) return skipped("cgroups", "the engine does not say");
  const missing = (["memory", "cpu", "pids"] as const).filter((name) => !cgroup[name]);
  if (missing.length > 0) {
    return fail(
      "cgroups",
      `the kernel cannot limit ${missing.join(", ")}: runs could take the whole host`,
      "Enable these cgroup controllers (on Debian: cgroup_enable=memory on the kernel's command line).",
    );
  }
  if (!cgroup.swap) {
    return warn(
      "cgroups",
      `version ${cgroup.version}, without swap accounting: a run may swap beyond its memory`,
      "Boot with swapaccount=1, or turn swap off.",
    );
  }
  return ok("cgroups", `version ${cgroup.version}: memory, swap, cpu and pids can be limited`);
};

/** How long runs go on without the API: what this machine asks for, and what the agent that runs on it was granted. Units: milliseconds. */
export const silenceCheck = (
  asksMs: number | null,
  running: { runsForMs: number; asksMs: number | null } | null,
): Check => {
  const seconds = (ms: number): string => `${Math.round(ms / 1_000)} s`;
  if (running === null) {
    const says = asksMs === null ? "the API says how long" : `${seconds(asksMs)} are asked for`;
    return ok("silence", `runs go on for a while without the API: ${says}`);
  }
  const says = `runs go on for ${seconds(running.runsForMs)} without the API`;
  if (asksMs === running.asksMs && running.runsForMs >= (asksMs ?? 0)) return ok("silence", says);
  return asksMs === running.asksMs
    ? warn(
        "silence",
        `${says}, not for ${seconds(asksMs ?? 0)}: it has not granted that`,
        "Upgrade the API, or see network below when it is not heard at all.",
      )
    : warn("silence", `${says}; the agent runs with another LONGSHORE_SILENT_SECONDS`, "Restart the agent.");
};

/** Units: GiB. */
export const sizeCheck = (slots: number, memoryGb: number, runGb: number): Check => {
  const says = `${slots} slots on ${Math.round(memoryGb * 10) / 10} GiB of memory`;
  return slots * runGb > memoryGb
    ? warn(
        "size",
        `${says}: not enough when each run of the default machine takes ${runGb} GiB`,
        "Lower LONGSHORE_SLOTS.",
      )
    : ok("size", says);
};

/** What runs are given of a host that holds them to their machines. */
export const roomCheck = (slots: number, capacity: Room, host: Room | null): Check => {
  const { cpu, memoryGb } = machinePresets[defaultMachine];
  const fitting = Math.floor(Math.min(slots, capacity.cpu / cpu, capacity.memoryMb / 1_024 / memoryGb));
  const says = `${capacity.cpu} CPUs and ${capacity.memoryMb} MiB for runs: ${fitting} of the default machine at once`;
  if (fitting === 0)
    return fail(
      "size",
      says,
      "Raise LONGSHORE_CPUS or LONGSHORE_MEMORY_MB, or lower LONGSHORE_MEMORY_FREE_MB.",
    );
  const isMore = host !== null && (capacity.cpu > host.cpu || capacity.memoryMb > host.memoryMb);
  return isMore
    ? warn(
        "size",
        `${says}; the host has ${host.cpu} CPUs and ${host.memoryMb} MiB`,
        "Lower LONGSHORE_CPUS and LONGSHORE_MEMORY_MB, unless runs may slow each other down or run out of memory.",
      )
    : ok("size", says);
};

/** The network of the runs' containers: an agent makes the filtered one itself, an operator every other. `isThere`: null when the engine does not say. */
export const networkCheck = (
  isFiltered: boolean,
  network: string,
  isThere: boolean | null,
  isRunning: boolean,
): Check => {
  const name = "container network";
  const says = isFiltered ? `filtered (${network})` : network;
  if (isThere === null) return skipped(name, `the engine does not say whether there is ${says}`);
  if (isThere) return ok(name, says);
  if (!isFiltered)
    return fail(name, `there is no Docker network ${network}`, `docker network create ${network}`);
  return isRunning
    ? warn(
        name,
        `there is no ${network}: with this setting this agent takes no runs`,
        "longshore agent status says why it cannot be had, unless the agent has another LONGSHORE_NETWORK.",
      )
    : ok(name, `${says}: made when the agent starts`);
};

/** Containers of agents, as seen beside an agent that runs here or not. */
export const leftoverCheck = (
  containers: readonly { agentId: string; name: string; state: string }[] | null,
  own: { agentId: string; isRunning: boolean; held: number } | null,
): Check => {
  if (containers === null) return skipped("leftovers", "the engine does not list its containers");
  const mine = containers.filter(({ agentId }) => agentId === own?.agentId);
  const containersText = mine.length === 1 ? "1 container" : `${mine.length} containers`;
  const others = containers.length - mine.length;
  const beside = others > 0 ? `; ${others} ${others === 1 ? "belongs" : "belong"} to other agents` : "";
  if (own !== null && !own.isRunning && mine.length > 0) {
    const names = mine.slice(0, 3).map(({ name }) => name);
    return warn(
      "leftovers",
      `${containersText} of this agent and no agent (${names.join(", ")}${mine.length > 3 ? ", …" : ""})${beside}`,
      "Start the agent: it takes up what still runs and removes the rest.",
    );
  }
  return ok("leftovers", `${containersText} of this agent${beside}`);
};
