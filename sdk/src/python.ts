import { spawn } from "node:child_process";

/** What a Python process came to. */
export type PythonResult = { stdout: string; stderr: string; exitCode: number };

/** How it is run. `env` is added to the run's own. */
export type PythonOptions = { env?: Record<string, string | undefined>; cwd?: string; signal?: AbortSignal };

/** Python ended with another code than 0; what it wrote is here. */
export class PythonError extends Error {
  constructor(
    message: string,
    readonly result: PythonResult,
  ) {
    super(message);
    this.name = "PythonError";
  }
}

const binary = (): string => process.env.PYTHON_BIN_PATH || "python3";

const begin = (args: readonly string[], { env, cwd, signal }: PythonOptions) =>
  spawn(binary(), args, {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
    ...(cwd === undefined ? {} : { cwd }),
    ...(signal ? { signal } : {}),
  });

const missing = (error: NodeJS.ErrnoException): Error =>
  error.code === "ENOENT"
    ? new Error(`${binary()} is not there: deploy with pythonExtension and --image, or set PYTHON_BIN_PATH`, {
        cause: error,
      })
    : error;

const run = (args: readonly string[], options: PythonOptions = {}): Promise<PythonResult> =>
  new Promise((resolve, reject) => {
    const child = begin(args, options);
    const said = { stdout: "", stderr: "" };
    for (const name of ["stdout", "stderr"] as const) {
      child[name].setEncoding("utf8").on("data", (text: string) => {
        said[name] += text;
      });
    }
    child.on("error", (error) => reject(missing(error)));
    child.on("close", (code, signal) => {
      const result = { ...said, exitCode: code ?? -1 };
      if (code === 0) return resolve(result);
      const last = said.stderr.trim().split("\n").at(-1) ?? "";
      reject(
        new PythonError(`Python ended with ${signal ?? `code ${code}`}${last ? `: ${last}` : ""}`, result),
      );
    });
  });

/** Yields what it writes to its output, piece by piece. Errors: those of `run`, once the output has ended. */
async function* stream(args: readonly string[], options: PythonOptions = {}): AsyncGenerator<string> {
  const child = begin(args, options);
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr = (stderr + text).slice(-10_000);
  });
  const ended = new Promise<number>((resolve, reject) => {
    child.on("error", (error) => reject(missing(error)));
    child.on("close", (code) => resolve(code ?? -1));
  });
  // Seen below; a reader that stops early must not turn it into a crash.
  ended.catch(() => {});
  try {
    for await (const piece of child.stdout.setEncoding("utf8")) yield piece as string;
    const exitCode = await ended;
    if (exitCode !== 0) {
      const last = stderr.trim().split("\n").at(-1) ?? "";
      throw new PythonError(`Python ended with code ${exitCode}: ${last}`, { stdout: "", stderr, exitCode });
    }
  } finally {
    child.kill();
  }
}

/**
 * Runs Python beside a task: `run(args)`, `runInline(code)`, `runScript(path, args)`; `stream` has the same three. The
 * interpreter is `PYTHON_BIN_PATH`, which `pythonExtension` sets, or `python3`. Only where there are processes.
 *
 * Errors: PythonError when it ends with another code than 0.
 */
export const python = {
  run,
  runInline: (code: string, options?: PythonOptions) => run(["-c", code], options),
  runScript: (path: string, args: readonly string[] = [], options?: PythonOptions) =>
    run([path, ...args], options),
  stream: {
    run: stream,
    runInline: (code: string, options?: PythonOptions) => stream(["-c", code], options),
    runScript: (path: string, args: readonly string[] = [], options?: PythonOptions) =>
      stream([path, ...args], options),
  },
};
