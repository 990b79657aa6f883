import type { PollResponse } from "@longshore/shared/contract/agent-protocol";
import type { Clock } from "@longshore/shared/core/clock";
import { leaseMsFor, runsForMs } from "@longshore/shared/core/lease-time";

export type Settings = PollResponse["settings"];

/** One moment on both clocks. Units: milliseconds. */
export type Moment = { monotonic: number; wall: number };

type Answer = Pick<PollResponse, "settings" | "cursor" | "renewedAfterMs">;

/** Until the API has said otherwise. */
const defaultSettings: Settings = { beatMs: 15_000, leaseMs: 60_000, holdMs: 25_000, drain: false };

/**
 * When the API was last heard, and what it wants.
 *
 * I1  Silence is measured on the monotonic clock, from the moment an acknowledged request was *sent*, and as much later
 *     as the API says that it held the request before it renewed the leases: it renewed them no earlier than that.
 * I2  A host that was suspended has missed time that the monotonic clock did not count, also between a request and its
 *     answer: the wall clock's silence counts where it is longer. A clock that is set forward costs a short freeze.
 * I3  How long runs may go on is what the API granted with the acknowledgement from which it is counted, never what was
 *     asked for: an API that does not know of the wish grants its own.
 *
 * `asksMs`: how long runs should go on while the API is silent; null: as long as the API likes. Units: milliseconds.
 */
export const createContact = (clock: Clock, asksMs: number | null = null) => {
  const now = (): Moment => ({ monotonic: clock.monotonic(), wall: clock.now() });
  let renewed = now();
  let heardAt = renewed.monotonic;
  let settings = defaultSettings;
  let cursor: string | null = null;
  const listeners = new Set<() => void>();
  /** Units: milliseconds. */
  const silentMs = (): number => Math.max(clock.monotonic() - renewed.monotonic, clock.now() - renewed.wall); // I2
  return {
    now,
    /** `sent` is the moment before the request. */
    acknowledged(sent: Moment, answer: Answer): void {
      const heldMs = answer.renewedAfterMs ?? 0;
      const at = now();
      heardAt = at.monotonic;
      const monotonic = Math.min(sent.monotonic + heldMs, at.monotonic);
      if (monotonic >= renewed.monotonic) {
        renewed = { monotonic, wall: Math.min(sent.wall + heldMs, at.wall) }; // I1
        settings = answer.settings; // I3
      } else settings = { ...answer.settings, leaseMs: settings.leaseMs };
      cursor = answer.cursor;
      for (const listener of listeners) listener();
    },
    silentMs,
    /** Since an answer came, whatever it renewed. Units: milliseconds. */
    unheardMs: (): number => clock.monotonic() - heardAt,
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
