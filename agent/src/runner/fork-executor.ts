import { spawn } from "node:child_process";
import type { Duplex, Readable } from "node:stream";
import { encodeLine, lineSplitter } from "@longshore/shared/core/json-lines";
import { channelFd, type FromExecutor, messageCharsMax, type ToExecutor } from "./ipc.ts";

/** Variables that a process reads only while it starts: setting them later has no effect. */
const readAtStart = /^(NODE_|LD_|UV_|OPENSSL_|SSL_CERT_|MALLOC_|ICU_|LANG$|LC_)/;

/** Whether an executor that was started without this environment can still take it on. */
export const canTakeEnvironment = (env: Record<string, string>): boolean =>
  Object.entries(env).every(
    ([name, value]) => !readAtStart.test(name) || name === "NODE_ENV" || process.env[name] === value,
  );

/** Who is told of an executor. */
export type Listener = {
  message?(message: FromExecutor): void;
  exit?(code: number | null, signal: NodeJS.Signals | null): void;
};

export type Executor = {
  pid: number | undefined;
  stdout: Readable;
  stderr: Readable;
  /** Whether it can be given something to do. */
  isUp(): boolean;
  /** One that is gone takes it too: it is met by its exit. */
  send(message: ToExecutor): void;
  /** From now on this one is told, and nobody else. */
  tell(listener: Listener): void;
  kill(signal: NodeJS.Signals): void;
};

/**
 * Starts an executor that waits for its job. What belongs to the runner (token, socket) stays out of its environment.
 *
 * Its channel is a socket of ours and not that of `fork`: Node sets that one up before the executor can say anything, from
 * modules it must compile (see keep-code-cache.ts), and would hand its end to the task as `process.send`.
 *
 * Units: `oldSpaceMb` in MiB.
 */
export const forkExecutor = (
  modulePath: string,
  oldSpaceMb: number | null,
  env: Record<string, string>,
): Executor => {
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith("LONGSHORE_"));
  const limit = oldSpaceMb === null ? [] : [`--max-old-space-size=${oldSpaceMb}`];
  const inspect = process.env.LONGSHORE_INSPECT ? [process.env.LONGSHORE_INSPECT] : [];
  const child = spawn(process.execPath, [...limit, ...inspect, modulePath], {
    env: { ...Object.fromEntries(own), ...env },
    stdio: ["ignore", "pipe", "pipe", "pipe"],
  });
  const channel = child.stdio[channelFd] as Duplex;
  const splitter = lineSplitter(messageCharsMax);
  let listener: Listener = {};
  let isGone = false;

  const gone = (code: number | null, signal: NodeJS.Signals | null): void => {
    isGone = true;
    listener.exit?.(code, signal);
  };
  const receive = (piece: string): void => {
    for (const line of splitter.push(piece)) listener.message?.(JSON.parse(line) as FromExecutor);
  };
  channel.setEncoding("utf8").on("data", (piece: string) => {
    try {
      receive(piece);
    } catch {
      child.kill("SIGKILL"); // the task wrote to the channel itself: what follows cannot be told from that
    }
  });
  channel.on("error", () => {}); // the exit tells what matters
  child.once("exit", gone);
  // One that could not even start has no exit; other errors are of a signal that found nobody.
  child.on("error", () => child.pid === undefined && gone(null, null));
  return {
    pid: child.pid,
    stdout: child.stdout as Readable,
    stderr: child.stderr as Readable,
    isUp: () => !isGone && channel.writable,
    send(message) {
      if (channel.writable) channel.write(encodeLine(message));
    },
    tell(next) {
      listener = next;
    },
    kill: (signal) => void child.kill(signal),
  };
};
