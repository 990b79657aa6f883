import type { ManifestQueue, ManifestTask } from "@longshore/shared/contract/manifest";
import type { Packet } from "@longshore/shared/contract/packets";
import type { RunContext } from "@longshore/shared/contract/run-context";
import type { TaskError } from "@longshore/shared/contract/task-error";

/**
 * One attempt, as the executor hands it over. `signal` aborts when the run is cancelled or its time is over; its reason
 * has the `code` TASK_RUN_CANCELLED or MAX_DURATION_EXCEEDED.
 */
export type AttemptInput = { payload: Packet; context: RunContext; signal: AbortSignal };

/** How an attempt ended. `skip`: never try again. Units: `delayMs` replaces the retry policy's own pause. */
export type AttemptOutcome =
  | { kind: "completed"; output: Packet }
  | { kind: "failed"; error: TaskError; retry?: { skip?: boolean; delayMs?: number } };

/** A task as the executor and the indexer see it: its settings, and the one function that is its whole life cycle. */
export type RegisteredTask = Omit<ManifestTask, "filePath" | "exportName" | "payloadSchema"> & {
  /** Never rejects for what the user's code does. */
  execute(input: AttemptInput): Promise<AttemptOutcome>;
  /** Loads what an attempt needs of the SDK, and nothing of the user's. May be asked before there is an attempt. */
  warmUp?: () => Promise<void>;
  /** Asked by the indexer only. Shape: a JSON Schema; undefined when there is none. */
  describePayload?: () => unknown;
};

/** A named limit that tasks may share. */
export type RegisteredLimit = { name: string; perKey?: number; total?: number };

/** A queue that the code declares. */
export type RegisteredQueue = ManifestQueue;

/** What the code of a bundle declares. */
export type Registration =
  | { kind: "queue"; value: RegisteredQueue }
  | { kind: "task"; value: RegisteredTask }
  | { kind: "limit"; value: RegisteredLimit };

const key = Symbol.for("longshore.catalog.2");
/** Set by the CLI's indexer (`cli/src/bundle/index-child.mjs`) to learn where each thing is defined. */
const observerKey = Symbol.for("longshore.catalog.observer.2");
type WithCatalog = {
  [key]?: Map<string, RegisteredTask[]>;
  [observerKey]?: (registration: Registration) => void;
};

const catalog = (): Map<string, RegisteredTask[]> => {
  const holder = globalThis as WithCatalog;
  holder[key] ??= new Map();
  return holder[key];
};

/** Called by every definition of a task. The same id twice is kept twice, so that the indexer can name both. */
export const registerTask = (task: RegisteredTask): void => {
  catalog().set(task.id, [...(catalog().get(task.id) ?? []), task]);
  (globalThis as WithCatalog)[observerKey]?.({ kind: "task", value: task });
};

/** Called by `concurrencyLimit()`: only the indexer wants to know. */
export const registerLimit = (limit: RegisteredLimit): void => {
  (globalThis as WithCatalog)[observerKey]?.({ kind: "limit", value: limit });
};

/** Called by `queue()`: only the indexer wants to know. */
export const registerQueue = (queue: RegisteredQueue): void => {
  (globalThis as WithCatalog)[observerKey]?.({ kind: "queue", value: queue });
};

/** Any task: what they have in common can be asked of it. */
export const someTask = (): RegisteredTask | undefined => catalog().values().next().value?.[0];

export const findTask = (id: string): RegisteredTask | undefined => catalog().get(id)?.[0];
