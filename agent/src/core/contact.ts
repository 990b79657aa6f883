import type { PollResponse } from "@longshore/shared/contract/agent-protocol";
import type { Clock } from "@longshore/shared/core/clock";

export type Settings = PollResponse["settings"];

/** Until the API has said otherwise. */
const defaultSettings: Settings = { beatMs: 15_000, leaseMs: 60_000, holdMs: 25_000, drain: false };

/**
 * When the API was last heard, and what it wants.
 *
 * I1  Silence is measured on the monotonic clock, from the moment an acknowledged request was *sent*: the API renewed
 *     the leases no earlier than that.
 */
export const createContact = (clock: Clock) => {
  let acknowledgedAt = clock.monotonic();
  let settings = defaultSettings;
  let cursor: string | null = null;
  const listeners = new Set<() => void>();
  return {
    /** `sentAt` is the monotonic time before the request. */
    acknowledged(sentAt: number, answer: { settings: Settings; cursor: string }): void {
      acknowledgedAt = Math.max(acknowledgedAt, sentAt); // I1
      settings = answer.settings;
      cursor = answer.cursor;
      for (const listener of listeners) listener();
    },
    /** Units: milliseconds. */
    silentMs: (): number => clock.monotonic() - acknowledgedAt,
    settings: (): Settings => settings,
    cursor: (): string | null => cursor,
    onAcknowledged(listener: () => void): () => void {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
};

export type Contact = ReturnType<typeof createContact>;
