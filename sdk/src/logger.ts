import type { LogLevel } from "@longshore/shared/contract/runs";
import { currentHost } from "./host.ts";

export type LogAttributes = Record<string, unknown>;

/** A named piece of work inside a run: what is set on it is logged when it ends. */
export type LogSpan = {
  setAttribute(name: string, value: unknown): LogSpan;
  setAttributes(attributes: LogAttributes): LogSpan;
};

const consoleMethod = {
  trace: "debug",
  debug: "debug",
  info: "info",
  log: "log",
  warn: "warn",
  error: "error",
} as const;

const write = (level: LogLevel, message: string, attributes?: LogAttributes): void => {
  const host = currentHost();
  if (host) {
    host.log(level, message, attributes);
    return;
  }
  const print = console[consoleMethod[level]];
  if (attributes) print(message, attributes);
  else print(message);
};

const spanOver = (attributes: LogAttributes): LogSpan => {
  const span: LogSpan = {
    setAttribute: (name, value) => {
      attributes[name] = value;
      return span;
    },
    setAttributes: (more) => {
      Object.assign(attributes, more);
      return span;
    },
  };
  return span;
};

/** Runs `fn` and logs, at level `trace`, how long it took and whether it threw. Units: `durationMs`. */
const trace = async <T>(
  name: string,
  fn: (span: LogSpan) => T | Promise<T>,
  options: { attributes?: LogAttributes } = {},
): Promise<T> => {
  const attributes: LogAttributes = { ...options.attributes };
  const startedMs = performance.now();
  const finish = (ok: boolean) =>
    write("trace", name, { ...attributes, ok, durationMs: Math.round(performance.now() - startedMs) });
  try {
    const value = await fn(spanOver(attributes));
    finish(true);
    return value;
  } catch (error) {
    finish(false);
    throw error;
  }
};

/** Writes to the run's log; outside a task, to the console. */
export const logger = {
  debug: (message: string, attributes?: LogAttributes): void => write("debug", message, attributes),
  info: (message: string, attributes?: LogAttributes): void => write("info", message, attributes),
  log: (message: string, attributes?: LogAttributes): void => write("log", message, attributes),
  warn: (message: string, attributes?: LogAttributes): void => write("warn", message, attributes),
  error: (message: string, attributes?: LogAttributes): void => write("error", message, attributes),
  trace,
};
