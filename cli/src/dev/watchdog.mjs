// @ts-check
// Runs beside `longshore dev`, in a session of its own. When dev is gone, however it went, it ends what dev had started:
// a frozen run cannot find out by itself that nobody will ever thaw it. Plain JavaScript, so that it starts fast.
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";

const runsDir = process.argv[2] ?? "";
/** Processes that dev forked itself. */
const children = new Set();

/** @param {number} pid */
const startOf = (pid) => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? null;
  } catch {
    if (process.platform === "linux") return null;
  }
  try {
    return execFileSync("ps", ["-o", "lstart=", "-p", String(pid)], { encoding: "utf8" }).trim() || null;
  } catch {
    return null;
  }
};

/** @param {number} pid */
const kill = (pid) => {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // gone already
  }
};

/** Each run leads a process group; its record names it by pid and start. */
const endRuns = () => {
  /** @type {string[]} */
  let names = [];
  try {
    names = readdirSync(runsDir);
  } catch {
    return;
  }
  for (const name of names) {
    try {
      const { pid, startedAt } = JSON.parse(readFileSync(join(runsDir, name, "process.json"), "utf8"));
      if (startOf(pid) === startedAt) kill(-pid);
    } catch {
      // no process in there
    }
  }
};

const lines = createInterface({ input: process.stdin });
lines.on("line", (line) => {
  const [verb, pid] = line.split(" ");
  if (verb === "began") children.add(Number(pid));
  if (verb === "ended") children.delete(Number(pid));
  if (verb === "done") process.exit(0);
});
lines.on("close", () => {
  for (const pid of children) kill(pid);
  endRuns();
  process.exit(0);
});
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => {});
