import { syncBuiltinESMExports } from "node:module";
import threads, { type WorkerOptions } from "node:worker_threads";
import { heapMbPutBack } from "./keep-code-cache.ts";

/**
 * The heaps of worker threads are made later than the flag of their size was put back: they get it as a limit of their
 * own, which a task's own limits precede.
 */
export const boundWorkers = (): void => {
  if (heapMbPutBack === null) return;
  const limit = { maxOldGenerationSizeMb: heapMbPutBack };
  threads.Worker = class Worker extends threads.Worker {
    constructor(file: string | URL, options?: WorkerOptions) {
      super(file, { ...options, resourceLimits: { ...limit, ...options?.resourceLimits } });
    }
  };
  syncBuiltinESMExports();
};
