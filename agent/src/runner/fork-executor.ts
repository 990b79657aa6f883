import { type ChildProcess, spawn } from "node:child_process";
import { type Duplex, Readable } from "node:stream";
import { frameBytesMax } from "@longshore/shared/contract/runner-limits";
import { encodeLine, lineSplitter } from "@longshore/shared/core/json-lines";
import type { FromExecutor, ToExecutor } from "./ipc.ts";
import { readMessage } from "./read-message.ts";

/** How long a process may go on without its channel. Units: milliseconds. */
const closedMsMax = 1_000;

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

/** Null where there is no memory for another process. Where there are no descriptors its streams are missing. */
const start = (args: string[], env: NodeJS.ProcessEnv): ChildProcess | null => {
  try {
    // Of the two variables Node would make a channel of its own.
    const own = { ...env, NODE_CHANNEL_FD: undefined, NODE_CHANNEL_SERIALIZATION_MODE: undefined };
    return spawn(process.execPath, args, { env: own, stdio: ["ignore", "pipe", "pipe", "pipe"] });
  } catch {
    return null;
  }
};

/**
 * Starts an executor that waits for its job. One that cannot be started is met by its exit, as one that died at once. What belongs to the runner (token, socket) stays out of its environment.
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
  const child = start([...limit, ...inspect, modulePath], { ...Object.fromEntries(own), ...env });
  const [, stdout, stderr, channel] = (child?.stdio ?? []) as [null?, Readable?, Readable?, Duplex?];
  const splitter = lineSplitter(frameBytesMax);
  let listener: Listener = {};
  let isGone = false;
  let isBroken = false;

  const gone = (code: number | null, signal: NodeJS.Signals | null): void => {
    if (isGone) return;
    isGone = true;
    listener.exit?.(code, signal);
  };
  /** Errors: throws on what no executor says. */
  const messagesOf = (piece: string): FromExecutor[] =>
    splitter.push(piece).flatMap((line) => readMessage(line) ?? []);
  const end = (): void => {
    isBroken = true;
    channel?.destroy();
    child?.kill("SIGKILL");
  };
  for (const stream of [stdout, stderr, channel]) stream?.on("error", () => {}); // the exit tells what matters
  channel?.setEncoding("utf8").on("data", (piece: string) => {
    let messages: FromExecutor[] = [];
    try {
      messages = messagesOf(piece);
    } catch {
      end(); // the task wrote to the channel itself: what follows cannot be told from that
    }
    for (const message of messages) listener.message?.(message);
  });
  // A process that has closed its channel can say nothing any more.
  channel?.once("close", () => setTimeout(() => isGone || end(), closedMsMax).unref());
  child?.once("exit", gone);
  // One that could not even start has no exit; other errors are of a signal that found nobody.
  child?.on("error", () => child.pid === undefined && gone(null, null));
  if (!child) process.nextTick(gone, null, null);
  return {
    pid: child?.pid,
    stdout: stdout ?? Readable.from([]),
    stderr: stderr ?? Readable.from([]),
    isUp: () => !isGone && !isBroken && channel?.writable === true,
    send(message) {
      if (channel?.writable) channel.write(encodeLine(message));
    },
    tell(next) {
      listener = next;
    },
    kill: (signal) => void child?.kill(signal),
  };
};
