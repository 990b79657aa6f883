import type { MetadataOperation } from "@longshore/shared/contract/run-edits";
import { currentAttempt } from "./lifecycle/current-attempt.ts";
import {
  createMetadataBuffer,
  type MetadataBuffer,
  type MetadataOwner,
  type RunMetadata,
} from "./metadata-buffer.ts";

export type { RunMetadata } from "./metadata-buffer.ts";

/** Changes one run's metadata; calls can be chained. Keys that begin with `$.` are paths: `$.progress.done`. */
export type MetadataUpdater = {
  set(key: string, value: unknown): MetadataUpdater;
  del(key: string): MetadataUpdater;
  /** Adds to a list; what was no list becomes the first item of one. */
  append(key: string, value: unknown): MetadataUpdater;
  /** Takes every equal item out of a list. */
  remove(key: string, value: unknown): MetadataUpdater;
  increment(key: string, value?: number): MetadataUpdater;
  decrement(key: string, value?: number): MetadataUpdater;
  /** Replaces the record at a key. */
  update(key: string, value: Record<string, unknown>): MetadataUpdater;
};

const slot = Symbol.for("longshore.metadata.1");

const buffer = (): MetadataBuffer | undefined => {
  const attempt = currentAttempt();
  if (!attempt) return undefined;
  const known = attempt.locals.get(slot) as MetadataBuffer | undefined;
  if (known) return known;
  const made = createMetadataBuffer(attempt);
  attempt.locals.set(slot, made);
  attempt.flushes.add(made.flush);
  return made;
};

/** What JSON keeps of a value. Errors: TypeError for what it cannot write. */
const plain = (key: string, value: unknown): unknown => {
  const text = JSON.stringify(value);
  if (text === undefined)
    throw new TypeError(`metadata: the value of "${key}" is ${typeof value}; it must be plain data`);
  return JSON.parse(text);
};

const byNumber = (key: string, value: number): MetadataOperation => {
  if (Number.isFinite(value)) return { type: "increment", key, value };
  throw new TypeError(`metadata: "${key}" can be changed only by a number, not by ${value}`);
};

const record = (name: string, value: unknown): Record<string, unknown> => {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return plain(name, value) as Record<string, unknown>;
  }
  throw new TypeError(`metadata.${name} needs an object`);
};

const updaterOf = (owner: MetadataOwner): MetadataUpdater => {
  const change = (operation: MetadataOperation): MetadataUpdater => {
    buffer()?.change(owner, operation);
    return updater;
  };
  const updater: MetadataUpdater = {
    set: (key, value) => change({ type: "set", key, value: plain(key, value) }),
    del: (key) => change({ type: "delete", key }),
    append: (key, value) => change({ type: "append", key, value: plain(key, value) }),
    remove: (key, value) => change({ type: "remove", key, value: plain(key, value) }),
    increment: (key, value = 1) => change(byNumber(key, value)),
    decrement: (key, value = 1) => change(byNumber(key, -value)),
    update: (key, value) => change({ type: "update", key, value: record("update", value) }),
  };
  return updater;
};

const replace = (metadata: RunMetadata): void => buffer()?.replace(record("replace", metadata));

const current = (): RunMetadata | undefined => {
  const values = buffer()?.values();
  return values && structuredClone(values);
};

const get = (key: string): unknown => {
  const values = buffer()?.values();
  return values && Object.hasOwn(values, key) ? structuredClone(values[key]) : undefined;
};

const noStreams = (): never => {
  throw new Error("metadata streams are not supported yet: write parts with metadata.append, or log them");
};

/**
 * Data of the running run that others can see while it executes: at most 256 KB of JSON.
 *
 * A change is seen by this process at once and sent within a second, before a wait, and before the attempt ends; `flush`
 * sends it now. `refresh` reads what others (children through `parent` and `root`) have changed. Outside a task nothing
 * happens, and there is nothing to get.
 */
export const metadata = {
  ...updaterOf("run"),
  replace,
  /** Former name of `replace`. */
  save: replace,
  current,
  get,
  getKey: get,
  flush: async (): Promise<void> => buffer()?.flush(),
  refresh: async (): Promise<void> => buffer()?.refresh(),
  stream: async (_key: string, _value: unknown): Promise<never> => noStreams(),
  fetchStream: async (_key: string): Promise<never> => noStreams(),
  /** The run that triggered this one; a run without one changes itself. */
  parent: updaterOf("parent"),
  /** The first run of the family. */
  root: updaterOf("root"),
};
