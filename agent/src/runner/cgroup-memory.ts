import { openSync, readSync } from "node:fs";

const buffer = Buffer.alloc(4096);

/** Reads the first of the files that is there: it stays open, since the kernel writes it anew for each read of its start. */
const reader = (paths: readonly string[]) => {
  let file: number | null | undefined;
  const open = (): number | null => {
    for (const path of paths) {
      try {
        return openSync(path, "r");
      } catch {
        // not this cgroup version
      }
    }
    return null;
  };
  return (): string | null => {
    if (file === undefined) file = open();
    if (file === null) return null;
    try {
      return buffer.toString("latin1", 0, readSync(file, buffer, 0, buffer.length, 0));
    } catch {
      return null;
    }
  };
};

// Where a container sees its own: cgroup v2, then v1.
const readEvents = reader(["/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control"]);
const readUsage = reader(["/sys/fs/cgroup/memory.current", "/sys/fs/cgroup/memory/memory.usage_in_bytes"]);

/** How many processes of this cgroup the kernel has killed for memory; null where that cannot be seen. */
export const countMemoryKills = (): number | null => {
  const found = /^oom_kill (\d+)$/m.exec(readEvents() ?? "");
  return found ? Number(found[1]) : null;
};

/** What this cgroup takes; null where that cannot be seen. Units: bytes. */
export const readMemoryBytes = (): number | null => {
  const said = readUsage();
  return said === null ? null : Number(said);
};
