import { readdirSync, readFileSync } from "node:fs";

/** Each finds what was born during the one before; who cannot be outrun in that many is not outrun by more. */
const passesMax = 20;

/** As the kernel tells it. `name`: pid and start, which together name one process for good. Null when it is gone. */
const look = (pid: number): { name: string; group: number } | null => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    // A dead one whose parent has not asked for it yet.
    if (fields[0] === "Z" || fields[0] === "X") return null;
    return { name: `${pid} ${fields[19]}`, group: Number(fields[2]) };
  } catch {
    return null;
  }
};

const pids = (): number[] => {
  try {
    return readdirSync("/proc").map(Number);
  } catch {
    return []; // there is no /proc: nobody is found
  }
};

const signal = (pid: number, name: NodeJS.Signals): void => {
  try {
    process.kill(pid, name);
  } catch {
    // gone already
  }
};

const isInit = (pid: number): boolean => pid <= 1;

/** Whether nobody is in this container but its first process, this one, and `other`. Cost: one look, nobody is stopped. */
export const areAlone = (other: number | undefined): boolean => {
  const found = pids().filter((pid) => !Number.isNaN(pid));
  const isKnown = (pid: number): boolean => isInit(pid) || pid === process.pid || pid === other;
  return found.length > 0 && found.every(isKnown);
};

/**
 * Ends what runs have started and left behind. In a container that is every other process but the `kept` one; a runner
 * among foreign processes ends those of its own group. Where there is no /proc nothing is found.
 *
 * I1  It passes until it finds nobody new: one that was sent SIGKILL can start no other.
 *
 * Shape: whether none is left. Cost: a pass over /proc, mostly two.
 */
export const killStrangers = (isAlone: boolean, kept: number | undefined): boolean => {
  // To all but this process and the first, in one step that no fork slips through. The kept one, too, until its next run.
  if (isAlone) signal(-1, "SIGSTOP");
  const group = look(process.pid)?.group;
  const sent = new Set<string>();
  for (let pass = 0; pass < passesMax; pass++) {
    const before = sent.size;
    for (const pid of pids()) {
      if (Number.isNaN(pid) || isInit(pid) || pid === process.pid || pid === kept) continue;
      const one = look(pid);
      if (one === null || sent.has(one.name) || (!isAlone && one.group !== group)) continue;
      sent.add(one.name);
      signal(pid, "SIGKILL");
    }
    if (sent.size === before) return true; // I1
  }
  return false;
};
