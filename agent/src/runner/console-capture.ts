import { Console } from "node:console";
import { Writable } from "node:stream";
import type { LogLevel } from "@longshore/shared/contract/runs";
import type { MarkedLine } from "./ipc.ts";

const levelOf: Record<string, LogLevel> = {
  trace: "trace",
  debug: "debug",
  info: "info",
  log: "log",
  warn: "warn",
  error: "error",
};

/**
 * Sends what the task says through its console and its logger down one stream, so that the order is the order in which
 * it was said, and a level goes with each line. What is written to stdout and stderr directly stays as it is.
 *
 * The streams are pipes, which Node writes synchronously: a line said just before `process.exit` arrives.
 */
export const captureConsole = (mark: string) => {
  const out = process.stdout.write.bind(process.stdout);
  const err = process.stderr.write.bind(process.stderr);
  const emit = (line: MarkedLine): boolean => out(`${mark}${JSON.stringify(line)}\n`);

  let levelNow: LogLevel | null = null;
  const sink = (stream: "stdout" | "stderr") =>
    new Writable({
      decodeStrings: false,
      write(chunk: unknown, _encoding, done) {
        const message = String(chunk).replace(/\n$/, "");
        const level = levelNow ?? (stream === "stdout" ? "log" : "error");
        emit({ at: new Date().toISOString(), level, stream, message });
        done();
      },
    });
  const captured = new Console({ stdout: sink("stdout"), stderr: sink("stderr") });
  Object.assign(console, captured);
  for (const [method, level] of Object.entries(levelOf)) {
    const say = captured[method as "log"].bind(captured);
    console[method as "log"] = (...words: unknown[]) => {
      const before = levelNow;
      levelNow = level;
      try {
        say(...words);
      } finally {
        levelNow = before;
      }
    };
  }
  return {
    log(level: LogLevel, message: string, attributes?: Record<string, unknown>): void {
      const at = new Date().toISOString();
      try {
        emit({ at, level, stream: "logger", message, ...(attributes ? { attributes } : {}) });
      } catch {
        // attributes that JSON cannot write must not fail the task
        emit({ at, level, stream: "logger", message });
      }
    },
    /** After these marks the streams hold nothing more of the run. */
    end(): void {
      const last = `${mark}${JSON.stringify("end" satisfies MarkedLine)}\n`;
      out(last);
      err(last);
    },
  };
};
