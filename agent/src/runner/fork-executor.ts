import { type ChildProcess, fork } from "node:child_process";
import type { Readable } from "node:stream";

export type Executor = ChildProcess & { stdout: Readable; stderr: Readable };

/** Variables that a process reads only while it starts: setting them later has no effect. */
const readAtStart = /^(NODE_|LD_|UV_|OPENSSL_|SSL_CERT_|MALLOC_|ICU_|LANG$|LC_)/;

/** Whether an executor that was forked without this environment can still take it on. */
export const canTakeEnvironment = (env: Record<string, string>): boolean =>
  Object.entries(env).every(
    ([name, value]) => !readAtStart.test(name) || name === "NODE_ENV" || process.env[name] === value,
  );

/**
 * Starts an executor that waits for its job. What belongs to the runner (token, socket) stays out of its environment.
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
  const executor = fork(modulePath, [], {
    env: { ...Object.fromEntries(own), ...env },
    execArgv: [...limit, ...inspect],
    stdio: ["ignore", "pipe", "pipe", "ipc"],
  }) as Executor;
  return executor.on("error", () => {}); // a failed kill or send; the exit tells what matters
};
