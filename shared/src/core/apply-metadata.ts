import type { MetadataOperation } from "../contract/run-edits.ts";

type Json = unknown;
type Segment = string | number;

/** A key that is no place in metadata; `message` names it. */
export class MetadataKeyError extends Error {
  constructor(key: string, why: string) {
    super(`The metadata key "${key}" ${why}.`);
    this.name = "MetadataKeyError";
  }
}

/** A number that would become too large to be written as JSON; `message` names its key. */
export class MetadataNumberError extends Error {
  constructor(key: string) {
    super(`The metadata key "${key}" would hold a number that is too large.`);
    this.name = "MetadataNumberError";
  }
}

/** Segments that would reach behind a plain object. */
const forbidden = new Set(["__proto__", "prototype", "constructor"]);
const depthMax = 64;

const part = /\.([^.[\]]+)|\[(\d+)\]|\["((?:[^"\\]|\\.)*)"\]|\['((?:[^'\\]|\\.)*)'\]/y;

const pathOf = (key: string): Segment[] => {
  const segments: Segment[] = [];
  part.lastIndex = 1;
  while (part.lastIndex < key.length) {
    const found = part.exec(key);
    if (found === null) throw new MetadataKeyError(key, "is no path");
    const [, dotted, index, double, single] = found;
    const name = dotted ?? (double ?? single)?.replace(/\\(.)/g, "$1");
    segments.push(index === undefined ? (name ?? "") : Number(index));
  }
  return segments;
};

/** Where a key points. Errors: `MetadataKeyError`. */
const segmentsOf = (key: string): Segment[] => {
  const segments = key.startsWith("$.") || key.startsWith("$[") ? pathOf(key) : [key];
  if (segments.length > depthMax) throw new MetadataKeyError(key, "is too deep");
  const bad = segments.find((segment) => forbidden.has(String(segment)));
  if (bad !== undefined) throw new MetadataKeyError(key, `may not name "${bad}"`);
  return segments;
};

const isRecord = (value: Json): value is Record<string, Json> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Numbers point into lists; a dotted one does too, where there is a list. */
const indexOf = (list: Json[], segment: Segment): number | null => {
  const index = typeof segment === "number" ? segment : /^\d+$/.test(segment) ? Number(segment) : null;
  // One behind the last is a new item; what is further would leave holes.
  return index === null || index > list.length ? null : index;
};

const get = (holder: Json, segment: Segment): Json => {
  if (Array.isArray(holder)) {
    const index = indexOf(holder, segment);
    return index === null ? undefined : holder[index];
  }
  return isRecord(holder) && Object.hasOwn(holder, segment) ? holder[segment] : undefined;
};

/** The value with one place in it changed; `undefined` takes it away. Nothing that was there is written to. */
const replace = (
  holder: Json,
  segments: readonly Segment[],
  change: (old: Json) => Json,
  key: string,
): Json => {
  const [segment, ...rest] = segments;
  if (segment === undefined) return change(holder);
  const next = replace(get(holder, segment), rest, change, key);
  if (Array.isArray(holder) || (!isRecord(holder) && typeof segment === "number")) {
    const list = Array.isArray(holder) ? holder : [];
    const index = indexOf(list, segment);
    if (index === null) throw new MetadataKeyError(key, `points beyond a list of ${list.length}`);
    return next === undefined
      ? list.filter((_, at) => at !== index)
      : [...list.slice(0, index), next, ...list.slice(index + 1)];
  }
  const record = isRecord(holder) ? holder : {};
  if (next !== undefined) return { ...record, [segment]: next };
  return Object.fromEntries(Object.entries(record).filter(([name]) => name !== String(segment)));
};

const isSame = (a: Json, b: Json): boolean => JSON.stringify(a) === JSON.stringify(b);

const changeOf = (operation: MetadataOperation): ((old: Json) => Json) => {
  switch (operation.type) {
    case "set":
    case "update":
      return () => operation.value ?? null;
    case "delete":
      return () => undefined;
    case "append":
      return (old) => [
        ...(old === undefined ? [] : Array.isArray(old) ? old : [old]),
        operation.value ?? null,
      ];
    case "remove":
      return (old) => (Array.isArray(old) ? old.filter((item) => !isSame(item, operation.value)) : old);
    case "increment":
      return (old) => {
        const sum = (typeof old === "number" ? old : 0) + operation.value;
        if (!Number.isFinite(sum)) throw new MetadataNumberError(operation.key);
        return sum;
      };
  }
};

/**
 * Applies changes to metadata, in order. Nothing that is given is written to.
 * Errors: `MetadataKeyError` for a key that is no path, or one that reaches behind a plain object; `MetadataNumberError`.
 */
export const applyMetadata = (
  metadata: Record<string, unknown>,
  operations: readonly MetadataOperation[],
): Record<string, unknown> => {
  let value: Json = metadata;
  for (const operation of operations) {
    value = replace(value, segmentsOf(operation.key), changeOf(operation), operation.key);
  }
  return isRecord(value) ? value : {};
};
