import type { Grant, Rate } from "./buckets.ts";

/**
 * Wake-ups between processes: lossy by contract. A lost hint costs latency until the next poll or sweep, never work.
 *
 * Invariants:
 * I1  A caller that reads a cursor and then waits is woken by every wake after that reading, or finds the cursor changed.
 * I2  Nothing here throws because a peer is away: reading then answers `null` ("unknown: look for yourself").
 */
export type Hints = {
  /** Work may have come for this pool: wakes one parked poll of each process (all, where processes cannot tell). One that has no use for it passes it on. */
  wakePool(poolId: string): Promise<void>;
  /** This agent should look: a continuation, a cancel. */
  wakeAgent(agentId: string): Promise<void>;
  /** Starts to listen, before anything is read. Every listener must be closed. */
  listen(topics: { poolId: string | null; agentId: string }): Promise<Listener>;
  /** True for one caller in all processes until `ttlMs` is over; true as well when that cannot be known. */
  once(key: string, ttlMs: number): Promise<boolean>;
  /** Takes up to `wanted` tokens out of a shared bucket; null when that cannot be known. */
  takeTokens(key: string, rate: Rate, wanted: number): Promise<Grant | null>;
  close(): Promise<void>;
};

export type Listener = {
  /** What has been woken so far, as an opaque text that changes with each wake; null when it cannot be known. */
  cursor(): Promise<string | null>;
  /** Resolves true at the next wake (also one since `listen`), false after `ms` or when the signal aborts. */
  wait(ms: number, signal: AbortSignal): Promise<boolean>;
  /** The wake was for the pool and this agent has no use for it: another that is parked looks. */
  passOn(): void;
  /** Whether wake-ups of other processes arrive now. While not, a parked poll looks again every few seconds. */
  isLive(): boolean;
  close(): void;
};

/** A parked poll looks again this often while hints are cut. Units: milliseconds. */
export const blindPollMs = 3_000;
