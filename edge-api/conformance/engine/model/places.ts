/*
 * The place every history begins in, as the reference knows it and as seed-world.ts makes it. Small numbers, so that
 * short histories meet full lanes, full limits and exhausted retries.
 */

/** Units: milliseconds. */
export const silentMs = 35_000;
/** How long a lease may stay unstarted. Units: milliseconds. */
export const startMs = 30_000;
export const retryPauseMs = 1_000;
export const maxAttempts = 2;
export const releasesMax = 6;
export const smallMachine = "small-1x";
export const largeMachine = "large-1x";
export const envMax = 5;
export const agentCount = 3;

/** What each agent has, and what runs ask for; each set is had by an agent. */
export const agentLabels: Record<string, string>[] = [{}, { gpu: "a" }, { gpu: "b", disk: "c" }];
export const askedLabels: Record<string, string>[] = [
  { gpu: "a" },
  { gpu: "b" },
  { disk: "c" },
  { disk: "c", gpu: "b" },
];

const retry = {
  maxAttempts,
  ...{ factor: 1, minTimeoutInMs: retryPauseMs, maxTimeoutInMs: 60_000, randomize: false },
  outOfMemory: { machine: largeMachine },
};

/** Tasks with the queue of each; `b` has the narrow one that is also a gate. */
export const worldTasks = [
  { id: "a", queue: { name: "wide", concurrencyLimit: 3, policy: "queue" }, retry },
  { id: "b", queue: { name: "narrow", concurrencyLimit: 1, policy: "queue" }, retry },
  { id: "c", queue: { name: "open", policy: "queue" }, retry },
  { id: "skip", queue: { name: "skip", concurrencyLimit: 2, policy: "skip" }, retry },
  { id: "replace", queue: { name: "replace", concurrencyLimit: 2, policy: "replace" }, retry },
];

export const worldLimits = [
  { name: "all", total: 2 },
  { name: "each", perKey: 1 },
  { name: "few", total: 3, perKey: 2 },
];

export type QueueState = { limit: number | null; override: number | null; paused: boolean; policy: string };
export type LimitState = {
  total: number | null;
  perKey: number | null;
  totalOverride: number | null;
  perKeyOverride: number | null;
  paused: boolean;
};

export const queuesAtFirst = (): Map<string, QueueState> =>
  new Map(
    worldTasks.map(({ queue }) => [
      queue.name,
      { limit: queue.concurrencyLimit ?? null, override: null, paused: false, policy: queue.policy },
    ]),
  );

export const limitsAtFirst = (): Map<string, LimitState> =>
  new Map(
    worldLimits.map(({ name, total, perKey }) => [
      name,
      {
        total: total ?? null,
        perKey: perKey ?? null,
        totalOverride: null,
        perKeyOverride: null,
        paused: false,
      },
    ]),
  );
