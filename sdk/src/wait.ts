import { systemClock } from "@longshore/shared/core/clock";
import { newId } from "@longshore/shared/core/ids";
import { ambientApi } from "./configure.ts";
import { currentHost, type TaskHost } from "./host.ts";
import { waitTokens } from "./wait-tokens.ts";

/**
 * With a key a wait happens once: another attempt, or another wait of the run with the same key, waits only for what is
 * left of it. Waits that stay in the process (up to 5 seconds) do not look at it. Units: the key's life is a duration
 * such as "1h", 30 days by default.
 */
export type WaitKey = { idempotencyKey?: string; idempotencyKeyTTL?: string };

type WaitPeriod =
  | { seconds: number }
  | { minutes: number }
  | { hours: number }
  | { days: number }
  | { weeks: number }
  | { months: number }
  | { years: number };

/** How long to wait, in exactly one unit. */
export type WaitForOptions = WaitPeriod & WaitKey;

/** Until when to wait. */
export type WaitUntilOptions = WaitKey & {
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
  const { idempotencyKey: _key, idempotencyKeyTTL: _life, ...period } = options;
  const [entry, second] = Object.entries(period).filter(([, value]) => value !== undefined);
  const [unit, count] = entry ?? ["", Number.NaN];
  if (second || typeof count !== "number" || !Number.isFinite(count) || count < 0) {
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

const pointAnswer = {
  parse: (value: unknown): { id: string; at: string } => {
    const { waitUntil, waitpoint } = (value ?? {}) as { waitUntil?: unknown; waitpoint?: { id?: unknown } };
    if (typeof waitUntil !== "string" || typeof waitpoint?.id !== "string") {
      throw new TypeError("a wait's answer must have `waitUntil` and `waitpoint.id`");
    }
    return { id: waitpoint.id, at: waitUntil };
  },
};

/** The wait point that the key names, made now or by an earlier attempt. Cost: one request. */
const keyedPoint = async (
  host: TaskHost,
  atMs: number,
  key: WaitKey,
): Promise<{ id: string; at: string }> => {
  const path = `/engine/v1/runs/${encodeURIComponent(host.context.run.id)}/wait/duration`;
  const { idempotencyKey, idempotencyKeyTTL } = key;
  const body = { date: new Date(atMs).toISOString(), idempotencyKey, idempotencyKeyTTL };
  return ambientApi().request(pointAnswer, "POST", path, { body });
};

const waitUntilMs = async (atMs: number, nowMs: number, key: WaitKey): Promise<void> => {
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
  const point =
    key.idempotencyKey === undefined
      ? { id: newId("waitPoint"), at: new Date(atMs).toISOString() }
      : await keyedPoint(host, atMs, key);
  if (Date.parse(point.at) <= Date.now()) return;
  await host.wait([{ kind: "time", ...point }]);
};

const waitFor = async (options: WaitForOptions): Promise<void> => {
  const nowMs = Date.now();
  return waitUntilMs(dueAtMs(options, nowMs), nowMs, options);
};

const waitUntilDate = async (options: WaitUntilOptions): Promise<void> => {
  const nowMs = Date.now();
  const atMs = options.date instanceof Date ? options.date.getTime() : Number.NaN;
  if (Number.isNaN(atMs)) throw new TypeError("wait.until needs a valid date");
  if (options.throwIfInThePast && atMs < nowMs) throw new Error("wait.until: the date is in the past");
  return waitUntilMs(atMs, nowMs, options);
};

/**
 * Pauses a task. A short wait stays in the process; a longer one frees the run's slot until it is over. Waits come one
 * after the other: two at once fail the run.
 *
 * Errors: rejects outside a task, and when the run is cancelled.
 */
export const wait = { for: waitFor, until: waitUntilDate, ...waitTokens };
