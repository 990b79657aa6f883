import { readFileSync } from "node:fs";

/** Where a container sees its own counter: cgroup v2, then v1. */
const files = ["/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control"];

/** How many processes of this cgroup the kernel has killed for memory; null where that cannot be seen. */
export const countMemoryKills = (): number | null => {
  for (const file of files) {
    try {
      const found = /^oom_kill (\d+)$/m.exec(readFileSync(file, "utf8"));
      if (found) return Number(found[1]);
    } catch {
      // not this cgroup version
    }
  }
  return null;
};

const usageFiles = ["/sys/fs/cgroup/memory.current", "/sys/fs/cgroup/memory/memory.usage_in_bytes"];

/** What this cgroup takes; null where that cannot be seen. Units: bytes. */
export const readMemoryBytes = (): number | null => {
  for (const file of usageFiles) {
    try {
      return Number(readFileSync(file, "utf8"));
    } catch {
      // not this cgroup version
    }
  }
  return null;
};
