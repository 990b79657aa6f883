import { registerQueue } from "./catalog.ts";

/**
 * Where runs wait for a slot. `concurrencyLimit` bounds how many of its runs execute at once; 0 lets none.
 *
 * `policy` says what a trigger does when a run of the queue (with a concurrency key: of that key) is not over: wait behind
 * it (`queue`, the default), be that run instead of a new one (`skip`), or take its place (`replace`, which cancels it).
 */
export type Queue = {
  name: string;
  concurrencyLimit?: number;
  policy?: "queue" | "skip" | "replace";
  /** Of earlier code: a wait always gives its slot back, so that this changes nothing. */
  releaseConcurrencyOnWaitpoint?: boolean;
};

/** Declares a queue that several tasks may share (`task({ queue: myQueue, … })`) or a trigger may name. Errors: TypeError without a name. */
export const queue = (options: Queue): Queue => {
  if (typeof options?.name !== "string" || options.name === "" || options.name.length > 128) {
    throw new TypeError('queue needs a name of 1 to 128 characters: queue({ name: "emails" })');
  }
  const { name, concurrencyLimit, policy } = options;
  registerQueue({
    name,
    ...(concurrencyLimit === undefined ? {} : { concurrencyLimit }),
    ...(policy === undefined ? {} : { policy }),
  });
  return options;
};
