import { spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { atEnd } from "./at-end.ts";
import { findBinary } from "./find-binary.ts";

const LEFT_BEHIND_MS_MAX = 3_000;

/**
 * A long-lived program to start.
 *
 * Shape: `logFile` takes stdout and stderr, "inherit" shows them; `stopSignal` asks it to end, `graceMs` is how long it
 * may take before SIGKILL; `orphanSignal` is what the kernel sends it when we die without a word.
 */
export interface ChildOptions {
  command: string;
  args: readonly string[];
  cwd?: string;
  env?: NodeJS.ProcessEnv;
  uid?: number;
  gid?: number;
  logFile: string | "inherit";
  stopSignal?: NodeJS.Signals;
  orphanSignal?: "TERM" | "INT" | "KILL";
  graceMs?: number;
}

/** A program we started. It does not keep us alive, except while somebody waits for its end. */
export interface Child {
  pid: number;
  /** Its exit code, or null when a signal ended it. */
  untilExit(): Promise<number | null>;
  isRunning(): boolean;
  kill(signal: NodeJS.Signals): void;
  /** The end of its log: at most 2,000 characters. */
  logTail(): string;
  /** Ends it: the stop signal, the grace, SIGKILL; then the same for what is left of its group. Safe to call twice. */
  stop(): Promise<void>;
}

/**
 * Starts a program in a session of its own, so that Ctrl-C reaches us and not it: we end it in our order.
 *
 * It ends with us in every case: orderly on signals (atEnd), by SIGKILL on a plain exit, and by the kernel's
 * parent-death signal when we are killed, where setpriv exists (Linux).
 *
 * Errors: rejects when the program cannot be started.
 */
export async function startChild(options: ChildOptions): Promise<Child> {
  const { logFile, stopSignal = "SIGTERM", graceMs = 5_000 } = options;
  const log = logFile === "inherit" ? "inherit" : openSync(logFile, "a");
  const [command, args] = withParentDeathSignal(options);
  const { cwd, env, uid, gid } = options;
  const proc = spawn(command, args, { cwd, env, uid, gid, detached: true, stdio: ["ignore", log, log] });
  if (typeof log === "number") closeSync(log);
  const exited = new Promise<number | null>((resolve) => proc.once("exit", resolve));
  await new Promise((resolve, reject) => proc.once("spawn", resolve).once("error", reject));
  const pid = proc.pid ?? 0;
  const isRunning = () => proc.exitCode === null && proc.signalCode === null;

  const untilExit = () => {
    if (isRunning()) proc.ref();
    return exited;
  };
  const stop = async () => {
    if (isRunning()) {
      proc.kill(stopSignal);
      const timer = setTimeout(() => signalGroup(pid, "SIGKILL"), graceMs);
      await untilExit();
      clearTimeout(timer);
      await endGroup(pid);
    }
    forget();
  };
  const forget = atEnd({ stop, killNow: () => isRunning() && signalGroup(pid, "SIGKILL") });
  exited.then(forget);
  proc.unref();
  return {
    pid,
    untilExit,
    isRunning,
    kill: (signal) => void proc.kill(signal),
    logTail: () => (logFile === "inherit" ? "" : readTail(logFile)),
    stop,
  };
}

function withParentDeathSignal({
  command,
  args,
  orphanSignal = "KILL",
}: ChildOptions): [string, readonly string[]] {
  const setpriv = process.platform === "linux" ? findBinary(["setpriv"]) : undefined;
  return setpriv ? [setpriv, ["--pdeathsig", orphanSignal, "--", command, ...args]] : [command, args];
}

/** Ends the children that a program left behind (vitest leaves its workers). */
async function endGroup(pid: number): Promise<void> {
  const deadline = Date.now() + LEFT_BEHIND_MS_MAX;
  signalGroup(pid, "SIGTERM");
  while (signalGroup(pid, 0) && Date.now() < deadline) await sleep(20);
  signalGroup(pid, "SIGKILL");
}

/** False when nobody is left in the group. While somebody is, its number cannot be given to another. */
function signalGroup(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-pid, signal);
  } catch {
    return false;
  }
}

function readTail(file: string): string {
  try {
    return readFileSync(file, "utf8").slice(-2_000);
  } catch {
    return "";
  }
}
