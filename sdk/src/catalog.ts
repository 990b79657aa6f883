import type { ManifestTask } from "@longshore/shared/contract/manifest";
import type { RunContext } from "@longshore/shared/contract/run-context";

/** What a task's functions receive beside the payload. */
export type RunParams = { ctx: RunContext; signal: AbortSignal };

/** A task as the executor and the indexer see it, its types erased. */
export type RegisteredTask = Omit<ManifestTask, "filePath" | "exportName"> & {
  run(payload: unknown, params: RunParams): unknown;
  onStart?: (payload: unknown, params: RunParams) => unknown;
  onSuccess?: (payload: unknown, output: unknown, params: RunParams) => unknown;
  onFailure?: (payload: unknown, error: unknown, params: RunParams) => unknown;
};

const key = Symbol.for("longshore.catalog.1");
/** Set by the CLI's indexer (`cli/src/bundle/index-child.mjs`) to learn where each task is defined. */
const observerKey = Symbol.for("longshore.catalog.observer.1");
type WithCatalog = {
  [key]?: Map<string, RegisteredTask[]>;
  [observerKey]?: (task: RegisteredTask) => void;
};

const catalog = (): Map<string, RegisteredTask[]> => {
  const holder = globalThis as WithCatalog;
  holder[key] ??= new Map();
  return holder[key];
};

/** Called by `task()`. The same id twice is kept twice, so that the indexer can name both. */
export const registerTask = (task: RegisteredTask): void => {
  catalog().set(task.id, [...(catalog().get(task.id) ?? []), task]);
  (globalThis as WithCatalog)[observerKey]?.(task);
};

export const findTask = (id: string): RegisteredTask | undefined => catalog().get(id)?.[0];

/** Every registration in order, duplicates included. */
export const listRegisteredTasks = (): RegisteredTask[] => [...catalog().values()].flat();
