import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { nodeProgram } from "@longshore/shared/testing/node-program.fixture";

const root = fileURLToPath(new URL("../../..", import.meta.url));

export type Ended = { code: number; stdout: string; stderr: string };
export type CliOptions = { cwd: string; env?: Record<string, string>; input?: string };

/** Starts `longshore …` as a process of its own, with nothing of this one's environment but the path. */
export const startCli = async (args: string[], { cwd, env, input }: CliOptions): Promise<ChildProcess> => {
  const child = spawn(process.execPath, [...nodeProgram(root, "cli/src/main.ts"), ...args], {
    cwd,
    env: {
      PATH: process.env.PATH,
      HOME: cwd,
      XDG_CONFIG_HOME: `${cwd}/config`,
      // A database that is made anew costs seconds of two processors.
      LONGSHORE_EMBEDDED_TEMPLATE: process.env.LONGSHORE_EMBEDDED_TEMPLATE,
      ...env,
    },
    stdio: "pipe",
  });
  child.stdin?.end(input ?? "");
  return child;
};

/** Waits for its end. */
export const ended = (child: ChildProcess): Promise<Ended> =>
  new Promise((resolve) => {
    let stdout = "";
    let stderr = "";
    child.stdout?.on("data", (chunk) => {
      stdout += chunk;
    });
    child.stderr?.on("data", (chunk) => {
      stderr += chunk;
    });
    child.on("close", (code, signal) => resolve({ code: code ?? (signal ? 128 : -1), stdout, stderr }));
  });

/** Runs `longshore …` to its end. */
export const runCli = async (args: string[], options: CliOptions): Promise<Ended> =>
  ended(await startCli(args, options));

/** Asks again until it holds; says what it saw when that takes too long. Units: milliseconds. */
export const until = async <T>(
  ask: () => T | Promise<T>,
  isWanted: (value: T) => boolean,
  withinMs = 20_000,
): Promise<T> => {
  const endMs = performance.now() + withinMs;
  for (;;) {
    const value = await ask();
    if (isWanted(value)) return value;
    if (performance.now() > endMs)
      throw new Error(`not within ${withinMs} ms; last seen: ${JSON.stringify(value)}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
};
