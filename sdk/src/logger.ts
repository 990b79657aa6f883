import type { LogLevel } from "@longshore/shared/contract/runs";
import { currentHost } from "./host.ts";

/** Data that goes with a line. */
export type LogAttributes = Record<string, unknown>;

/** A named piece of work inside a run: what is set on it is logged when it ends. */
export type LogSpan = {
  setAttribute(name: string, value: unknown): LogSpan;
  setAttributes(attributes: LogAttributes): LogSpan;
  updateName(name: string): LogSpan;
  /** Logs a line of its own. */
  addEvent(name: string, attributes?: LogAttributes): LogSpan;
  recordException(error: unknown): void;
  /** Once; what comes later changes nothing. */
  end(): void;
};

type SpanOptions = { attributes?: LogAttributes };

const consoleMethod = {
  trace: "debug",
  debug: "debug",
  info: "info",
  log: "log",
  warn: "warn",
  error: "error",
} as const;

/** What a bundle was built with; a project that sets no level has none, and everything is written. */
const levelsKey = Symbol.for("longshore.log-levels");

const isWritten = (level: LogLevel): boolean => {
  const levels: unknown = (globalThis as Record<symbol, unknown>)[levelsKey];
  return !Array.isArray(levels) || levels.includes(level);
};

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

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Starts a span that whoever started it must end: it is logged, at level `trace`, when it does. Units: `durationMs`. */
const startSpan = (name: string, options: SpanOptions = {}): LogSpan => {
  const attributes: LogAttributes = { ...options.attributes };
  const startedMs = performance.now();
  let title = name;
  let isOk = true;
  let isOver = false;
  const span: LogSpan = {
    setAttribute(key, value) {
      attributes[key] = value;
      return span;
    },
    setAttributes(more) {
      Object.assign(attributes, more);
      return span;
    },
    updateName(next) {
      title = next;
      return span;
    },
    addEvent(event, more) {
      write("trace", `${title}: ${event}`, more);
      return span;
    },
    recordException(error) {
      isOk = false;
      attributes.exception = messageOf(error);
    },
    end() {
      if (isOver) return;
      isOver = true;
      write("trace", title, {
        ...attributes,
        ok: isOk,
        durationMs: Math.round(performance.now() - startedMs),
      });
    },
  };
  return span;
};

/** Runs `fn` in a span that ends with it. Errors: what `fn` throws. */
const trace = async <T>(
  name: string,
  fn: (span: LogSpan) => T | Promise<T>,
  options: SpanOptions = {},
): Promise<T> => {
  const span = startSpan(name, options);
  try {
    return await fn(span);
  } catch (error) {
    span.recordException(error);
    throw error;
  } finally {
    span.end();
  }
};

/** A line of its own, unless the configuration's `logLevel` leaves its level out. */
const say =
  (level: LogLevel) =>
  (message: string, attributes?: LogAttributes): void => {
    if (isWritten(level)) write(level, message, attributes);
  };

/** Writes to the run's log; outside a task, to the console. Spans are written whatever the level. */
export const logger = {
  debug: say("debug"),
  info: say("info"),
  log: say("log"),
  warn: say("warn"),
  error: say("error"),
  trace,
  startSpan,
};
