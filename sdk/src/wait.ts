import { systemClock } from "@longshore/shared/core/clock";
import { newId } from "@longshore/shared/core/ids";
import { currentHost } from "./host.ts";

/** How long to wait, in exactly one unit. */
export type WaitForOptions =
  | { seconds: number }
  | { minutes: number }
  | { hours: number }
  | { days: number }
  | { weeks: number }
  | { months: number }
  | { years: number };

export type WaitUntilOptions = {
  date: Date;
  /** Otherwise a past date is waited for not at all. */
  throwIfInThePast?: boolean;
};

const unitMs: Record<string, number> = {
  seconds: 1_000,
  minutes: 60_000,
  hours: 3_600_000,
  days: 86_400_000,
  weeks: 604_800_000,
};

/** Months and years follow the calendar: a month from 15 March is 15 April. */
const dueAtMs = (options: WaitForOptions, nowMs: number): number => {
  const entry = Object.entries(options).find(([, value]) => value !== undefined);
  const [unit, count] = entry ?? ["", Number.NaN];
  if (typeof count !== "number" || !Number.isFinite(count) || count < 0) {
    throw new TypeError("wait.for needs one unit with a number, such as { seconds: 30 } or { hours: 1 }");
  }
  const ms = unitMs[unit];
  if (ms !== undefined) return nowMs + count * ms;
  const months = unit === "months" ? count : unit === "years" ? count * 12 : Number.NaN;
  if (Number.isNaN(months)) throw new TypeError(`wait.for does not know the unit "${unit}"`);
  const date = new Date(nowMs);
  date.setUTCMonth(date.getUTCMonth() + months);
  return date.getTime();
};

const waitUntilMs = async (atMs: number, nowMs: number): Promise<void> => {
  const host = currentHost();
  if (!host) throw new Error("wait can only be used from inside a task.run()");
  host.signal.throwIfAborted();
  const leftMs = atMs - nowMs;
  if (leftMs <= 0) return;
  if (leftMs <= host.waitInProcessMs) {
    await systemClock.sleep(leftMs, host.signal);
    host.signal.throwIfAborted();
    return;
  }
  await host.wait([{ kind: "time", id: newId("waitPoint"), at: new Date(atMs).toISOString() }]);
};

/**
 * Pauses a task. A short wait stays in the process; a longer one frees the run's slot until it is over.
 *
 * Errors: rejects outside a task, and when the run is cancelled.
 */
export const wait = {
  for: async (options: WaitForOptions): Promise<void> => {
    const nowMs = Date.now();
    return waitUntilMs(dueAtMs(options, nowMs), nowMs);
  },
  until: async (options: WaitUntilOptions): Promise<void> => {
    const nowMs = Date.now();
    const atMs = options.date.getTime();
    if (Number.isNaN(atMs)) throw new TypeError("wait.until needs a valid date");
    if (options.throwIfInThePast && atMs < nowMs) throw new Error("wait.until: the date is in the past");
    return waitUntilMs(atMs, nowMs);
  },
};
