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
 * `markNow`: the mark of the run that speaks; null when it is over: nobody hears it any more.
 * The streams are pipes, which Node writes synchronously as long as their reader keeps up: a line said just before
 * `process.exit` arrives.
 */
export const captureConsole = (markNow: () => string | null) => {
  const out = process.stdout.write.bind(process.stdout);
  const err = process.stderr.write.bind(process.stderr);
  const emit = (line: MarkedLine): void => {
    const mark = markNow();
    if (mark !== null) out(`${mark}${JSON.stringify(line)}\n`);
  };

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
  const toBoth = (mark: string, word: "begin" | "end"): void => {
    const line = `${mark}${JSON.stringify(word satisfies MarkedLine)}\n`;
    out(line);
    err(line);
  };
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
    /** Before these marks the streams hold what an earlier run left. */
    begin: (mark: string): void => toBoth(mark, "begin"),
    /**
     * The streams get nothing more of the run. Shape: whether they still hold some of it back (their reader is behind);
     * then an end mark follows it on both.
     */
    end(mark: string): boolean {
      if (process.stdout.writableLength === 0 && process.stderr.writableLength === 0) return false;
      toBoth(mark, "end");
      return true;
    },
    /** Swallows what a run that is over writes to the streams directly. */
    muteStreams(): void {
      for (const [stream, write] of [
        [process.stdout, out],
        [process.stderr, err],
      ] as const) {
        stream.write = ((...given: Parameters<typeof write>) => {
          if (markNow() !== null) return write(...given);
          const done = given.find((one): one is () => void => typeof one === "function");
          if (done) process.nextTick(done);
          return true;
        }) as typeof stream.write;
      }
    },
  };
};
