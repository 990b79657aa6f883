import { spawn } from "node:child_process";

const OUTPUT_CHARS_MAX = 64 * 1024;

/** How a finished command went: its exit code (null when a signal or the time limit ended it) and all it printed. */
export interface CommandResult {
  code: number | null;
  output: string;
}

/** Where and as whom a command runs. Units: milliseconds. */
export interface CommandOptions {
  cwd?: string;
  env?: NodeJS.ProcessEnv;
  uid?: number;
  gid?: number;
  timeoutMs?: number;
}

/**
 * Runs a program to its end with no stdin and no shell.
 *
 * Errors: never throws; a program that cannot be started answers `code: null` and the reason as output.
 */
export function runCommand(
  command: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  const { timeoutMs = 60_000, ...where } = options;
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      ...where,
      stdio: ["ignore", "pipe", "pipe"],
      timeout: timeoutMs,
      killSignal: "SIGKILL",
    });
    let output = "";
    const keep = (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-OUTPUT_CHARS_MAX);
    };
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);
    child.once("error", (error) => resolve({ code: null, output: error.message }));
    child.once("close", (code) => resolve({ code, output }));
  });
}
