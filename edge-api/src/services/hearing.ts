import type { Database } from "../db/database.ts";

/** Postgres' classes of errors that are no fault of the statement: connection, resources, shutdown, system. */
const awayClasses = new Set(["08", "53", "57", "58"]);
const sqlState = /^(?:[0-9][0-9A-Z]|P0|XX|HV|F0)[0-9A-Z]{3}$/;

const isAway = (error: unknown): boolean => {
  const code = typeof error === "object" && error !== null && "code" in error ? String(error.code) : "";
  return !sqlState.test(code) || awayClasses.has(code.slice(0, 2));
};

/**
 * For how long agents could have been heard by this process. An agent renews its leases by a statement: while the database does
 * not answer, or this process stands still, it is silent through no fault of its own, and what it holds must not be taken
 * the moment that is over.
 *
 * Units: milliseconds. `slowMs`: a statement that took longer counts as a time without a database. `restMs`: the longest time
 * between two calls of `rested` and `ms` in which nothing is wrong.
 */
export const createHearing = (limits: { slowMs: number; restMs: number }, now: () => number = Date.now) => {
  let sinceMs = now();
  let aliveMs = sinceMs;
  const begin = (): void => {
    sinceMs = now();
  };
  return {
    /** The same database, looked at from here. */
    watch: (db: Database): Database => ({
      ...db,
      async call(statement, parameters) {
        const sentMs = now();
        try {
          const answer = await db.call(statement, parameters);
          if (now() - sentMs > limits.slowMs) begin();
          return answer;
        } catch (error) {
          if (isAway(error)) begin();
          throw error;
        }
      },
    }),
    /** This process is about to rest. */
    rested(): void {
      aliveMs = now();
    },
    ms(): number {
      const at = now();
      // A host that was suspended, or whose clock was set.
      if (at - aliveMs > limits.restMs || at < aliveMs) begin();
      aliveMs = at;
      return at - sinceMs;
    },
  };
};
