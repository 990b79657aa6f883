import { readFileSync } from "node:fs";
import { freemem } from "node:os";

/** What processes could still take without swapping, as the kernel estimates it. Units: MiB. */
export const freeMemoryMb = (): number => {
  try {
    const found = /^MemAvailable:\s+(\d+) kB/m.exec(readFileSync("/proc/meminfo", "utf8"));
    if (found) return Number(found[1]) / 1024;
  } catch {
    // no Linux
  }
  return freemem() / 1024 / 1024;
};
