import { readdirSync, readFileSync } from "node:fs";

/** The process group of a process; null when it is gone. */
const groupOf = (pid: number): number | null => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[2]);
  } catch {
    return null;
  }
};

/**
 * Ends what a run started and left behind. In a container that is every other process; a runner among foreign processes
 * ends those of its own group. Where there is no /proc nothing is found.
 */
export const killStrangers = (isAlone: boolean): void => {
  let names: string[] = [];
  try {
    names = readdirSync("/proc");
  } catch {
    return;
  }
  const own = groupOf(process.pid);
  for (const name of names) {
    const pid = Number(name);
    if (!(pid > 1) || pid === process.pid) continue;
    if (!isAlone && (own === null || groupOf(pid) !== own)) continue;
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // gone already
    }
  }
};
