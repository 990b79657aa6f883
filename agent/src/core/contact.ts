import type { PollResponse } from "@longshore/shared/contract/agent-protocol";
import type { Clock } from "@longshore/shared/core/clock";
import { leaseMsFor, runsForMs } from "@longshore/shared/core/lease-time";

export type Settings = PollResponse["settings"];

/** Until the API has said otherwise. */
const defaultSettings: Settings = { beatMs: 15_000, leaseMs: 60_000, holdMs: 25_000, drain: false };

/**
 * When the API was last heard, and what it wants.
 *
 * I1  Silence is measured on the monotonic clock, from the moment an acknowledged request was *sent*: the API renewed
 *     the leases no earlier than that.
 * I2  A host that was suspended has missed time that the monotonic clock did not count: the wall clock's silence counts
 *     where it is longer. A clock that is set forward costs a short freeze, nothing else.
 * I3  How long runs may go on is what the API granted with the acknowledgement from which it is counted, never what was
 *     asked for: an API that does not know of the wish grants its own.
 *
 * `asksMs`: how long runs should go on while the API is silent; null: as long as the API likes. Units: milliseconds.
 */
export const createContact = (clock: Clock, asksMs: number | null = null) => {
  let acknowledgedAt = clock.monotonic();
  let acknowledgedWall = clock.now();
  let settings = defaultSettings;
  let cursor: string | null = null;
  const listeners = new Set<() => void>();
  /** Units: milliseconds. */
  const silentMs = (): number => Math.max(clock.monotonic() - acknowledgedAt, clock.now() - acknowledgedWall); // I2
  return {
    /** `sentAt` is the monotonic time before the request. */
    acknowledged(sentAt: number, answer: { settings: Settings; cursor: string }): void {
      if (sentAt >= acknowledgedAt) {
        acknowledgedAt = sentAt; // I1
        acknowledgedWall = clock.now() - (clock.monotonic() - sentAt);
        settings = answer.settings; // I3
      } else settings = { ...answer.settings, leaseMs: settings.leaseMs };
      cursor = answer.cursor;
      for (const listener of listeners) listener();
    },
    silentMs,
    /** How long the runs may go on unless the API is heard again; the lease less a margin. Units: milliseconds. */
    leftMs: (): number => runsForMs(settings.leaseMs) - silentMs(),
    /** The same as long as the API is heard. Units: milliseconds. */
    runsForMs: (): number => runsForMs(settings.leaseMs),
    asksMs: (): number | null => asksMs,
    /** What each request says of it. */
    asks: (): { leaseMs?: number } => (asksMs === null ? {} : { leaseMs: leaseMsFor(asksMs) }),
    settings: (): Settings => settings,
    cursor: (): string | null => cursor,
    onAcknowledged(listener: () => void): () => void {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
};

export type Contact = ReturnType<typeof createContact>;
