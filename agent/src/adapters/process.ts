import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { EventEmitter, on } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ContainerLabels, ExitInfo, Observed } from "../core/observed.ts";
import {
  type ContainerRuntime,
  type RuntimeEvent,
  StartError,
  type StartSpec,
} from "../ports/container-runtime.ts";
import { shortSocketPath } from "./socket-path.ts";

/** What is kept beside a run, so that the next process of this agent finds it again. */
type ProcessRecord = { agentId: string; pid: number; startedAt: string; labels: ContainerLabels };

/** How often an adopted process is looked at: it is nobody's child any more. Units: milliseconds. */
const watchMs = 250;
const recordName = "process.json";

/** What of this process's environment a runner may see. */
const passedOn = ["PATH", "HOME", "USER", "SHELL", "TMPDIR", "TZ", "LANG", "LC_ALL", "NODE_EXTRA_CA_CERTS"];

/** What Linux tells of a process, from its state on. Errors: throws when it is gone, or where there is no `/proc`. */
const statFields = (pid: number): string[] => {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
};

/** When a process began, as the kernel tells it: with the pid it names one process for good. Null when it is gone. */
const processStart = (pid: number): string | null => {
  try {
    const fields = statFields(pid);
    return fields[0] === "Z" || fields[0] === "X" ? null : (fields[19] ?? null);
  } catch {
    if (process.platform === "linux") return null;
  }
  try {
    return execFileSync("ps", ["-o", "lstart=", "-p", String(pid)], { encoding: "utf8" }).trim() || null;
  } catch {
    return null;
  }
};

/** Whether SIGSTOP holds it: an earlier process of this agent may have frozen what it left. */
const isStopped = (pid: number): boolean => {
  try {
    return statFields(pid)[0] === "T";
  } catch {
    if (process.platform === "linux") return false;
  }
  try {
    return execFileSync("ps", ["-o", "state=", "-p", String(pid)], { encoding: "utf8" }).startsWith("T");
  } catch {
    return false;
  }
};

/** Sends to the whole group, so that nothing the task started is left. */
const signalGroup = (pid: number, signal: NodeJS.Signals): void => {
  try {
    process.kill(-pid, signal);
  } catch {
    // gone already
  }
};

/**
 * Plain processes instead of containers, for development and for hosts without Docker: no isolation, the same protocol.
 *
 * I1  A process is ours when its pid and its start time are those that were written down.
 * I2  Each runner leads a process group of its own: it outlives the agent, and a signal reaches all of it.
 */
export const createProcessRuntime = (runsDir: string, agentId: string): ContainerRuntime => {
  const events = new EventEmitter();
  const adopted = new Map<string, ProcessRecord>();
  const children = new Map<number, ChildProcess>();
  const ended = new Map<string, ExitInfo>();
  const paused = new Set<number>();
  let _timer: NodeJS.Timeout | null = null;

  const parse = (id: string): { pid: number; startedAt: string } => {
    const [pid, startedAt] = id.split("@");
    return { pid: Number(pid), startedAt: startedAt ?? "" };
  };
  const idOf = (record: ProcessRecord): string => `${record.pid}@${record.startedAt}`;
  const isAlive = (id: string): boolean => {
    const { pid, startedAt } = parse(id);
    return processStart(pid) === startedAt; // I1
  };
  const end = (id: string, key: string, exit: ExitInfo): void => {
    // What the leader left behind. Now, as its number stays taken only while its group has a member.
    signalGroup(parse(id).pid, "SIGKILL");
    ended.set(key, exit);
    events.emit("event", { kind: "exited", id, key, exit } satisfies RuntimeEvent);
  };
  const look = (): void => {
    for (const [key, record] of adopted) {
      if (isAlive(idOf(record))) continue;
      adopted.delete(key);
      end(idOf(record), key, { code: null, signal: null, oomKilled: false });
    }
    _timer = adopted.size > 0 ? setTimeout(look, watchMs).unref() : null;
  };
  const readRecord = async (runName: string): Promise<ProcessRecord | null> => {
    const text = await readFile(join(runsDir, runName, recordName), "utf8").catch(() => null);
    if (text === null) return null;
    const record = JSON.parse(text) as ProcessRecord;
    return record.agentId === agentId ? record : null;
  };
  const kill = async (id: string): Promise<void> => {
    const { pid } = parse(id);
    if (!isAlive(id) && !children.has(pid)) return;
    signalGroup(pid, "SIGKILL"); // I2
    const child = children.get(pid);
    if (child && child.exitCode === null && child.signalCode === null) {
      await new Promise((resolve) => child.once("exit", resolve));
    }
  };

  return {
    name: "process",
    host: async () => null,
    paths: ({ bundleDir, socketDir }) => ({
      bundleDir,
      socketPath: shortSocketPath(join(socketDir, "agent.sock")),
    }),
    async start(spec: StartSpec) {
      if (spec.image !== null) {
        throw new StartError(
          `This version needs containers of the image ${spec.image}, and this agent runs plain processes.`,
          true,
        );
      }
      const base = passedOn.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : []));
      const log = openSync(join(spec.dir, "runner.log"), "a", 0o600);
      const child = spawn(process.execPath, [join(spec.runnerDir, "runner.cjs")], {
        cwd: spec.bundleDir,
        env: { ...Object.fromEntries(base), ...spec.env },
        detached: true, // I2
        stdio: ["ignore", log, log],
      });
      closeSync(log);
      const { key } = spec.labels;
      await new Promise<void>((resolve, reject) => {
        child.once("spawn", resolve);
        child.once("error", (cause) =>
          reject(
            new StartError(`The runner's process could not be started: ${cause.message}.`, true, { cause }),
          ),
        );
      });
      const pid = child.pid as number;
      const startedAt = processStart(pid) ?? "gone";
      const id = `${pid}@${startedAt}`;
      children.set(pid, child);
      child.once("exit", (code, signal) => {
        children.delete(pid);
        paused.delete(pid);
        end(id, key, { code, signal, oomKilled: false });
      });
      child.unref();
      const record: ProcessRecord = { agentId, pid, startedAt, labels: spec.labels };
      await writeFile(join(spec.dir, recordName), JSON.stringify(record), { mode: 0o600 });
      return id;
    },
    limit: async () => true,
    kill,
    async pause(id) {
      if (!isAlive(id)) return;
      paused.add(parse(id).pid);
      signalGroup(parse(id).pid, "SIGSTOP");
    },
    async resume(id) {
      paused.delete(parse(id).pid);
      if (isAlive(id)) signalGroup(parse(id).pid, "SIGCONT");
    },
    async remove(id) {
      await kill(id);
      const { pid } = parse(id);
      paused.delete(pid);
      for (const name of await readdir(runsDir).catch(() => [])) {
        const record = await readRecord(name);
        if (!record || idOf(record) !== id) continue;
        adopted.delete(record.labels.key);
        ended.delete(record.labels.key);
        await rm(join(runsDir, name, recordName), { force: true });
      }
    },
    async list() {
      const names = await readdir(runsDir).catch(() => []);
      const records = (await Promise.all(names.map(readRecord))).filter((record) => record !== null);
      return records.map((record): Observed => {
        const id = idOf(record);
        const { key } = record.labels;
        if (!isAlive(id)) {
          const exit = ended.get(key) ?? { code: null, signal: null, oomKilled: false };
          return { id, labels: record.labels, state: { kind: "exited", exit } };
        }
        if (!children.has(record.pid)) {
          adopted.set(key, record);
          if (isStopped(record.pid)) paused.add(record.pid);
        }
        _timer ??= adopted.size > 0 ? setTimeout(look, watchMs).unref() : null;
        return { id, labels: record.labels, state: { kind: paused.has(record.pid) ? "paused" : "running" } };
      });
    },
    async *watch(signal) {
      try {
        for await (const [event] of on(events, "event", { signal })) yield event as RuntimeEvent;
      } catch (error) {
        if (!signal.aborted) throw error;
      }
    },
    ping: async () => true,
  };
};
