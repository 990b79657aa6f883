import { Cron } from "croner";

/** When something recurs: five cron fields in a zone of the IANA database. */
export type Recurrence = { cron: string; timezone: string };

const open = ({ cron, timezone }: Recurrence): Cron =>
  new Cron(cron.trim(), { mode: "5-part", timezone, paused: true });

/** What is wrong with a text that should be five cron fields; null when nothing is. */
export const cronFault = (cron: string): string | null => {
  // Names such as @daily and a field of seconds are other languages than the contract's.
  if (cron.trim().split(/\s+/).length !== 5)
    return "needs exactly five fields (minute hour day month weekday)";
  try {
    const next = new Cron(cron.trim(), { mode: "5-part", paused: true }).nextRun();
    return next === null ? "names a date that never comes" : null;
  } catch (error) {
    return error instanceof Error ? error.message.replace(/^CronPattern:\s*/, "") : "is not valid";
  }
};

/** Whether a text names a zone of the IANA database; offsets such as +01:00 have no rules for summer time. */
export const isTimezone = (name: string): boolean => {
  if (!/^[A-Za-z][A-Za-z0-9_+-]*(\/[A-Za-z0-9_+-]+)*$/.test(name)) return false;
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    return true;
  } catch {
    return false;
  }
};

/** Every zone that this runtime knows, in order; UTC first. */
export const timezones = (): string[] => [
  "UTC",
  ...Intl.supportedValuesOf("timeZone").filter((name) => name !== "UTC"),
];

/**
 * The tick that follows a time; null when none does. A time that a spring day skips falls on the end of the gap; one
 * that an autumn day has twice is taken once, unless the pattern repeats within the hour anyway.
 *
 * Units: Unix milliseconds.
 */
export const nextTick = (recurrence: Recurrence, afterMs: number): number | null =>
  open(recurrence).nextRun(new Date(afterMs))?.getTime() ?? null;

/** The ticks that follow a time, oldest first. */
export const nextTicks = (recurrence: Recurrence, afterMs: number, count: number): number[] =>
  open(recurrence)
    .nextRuns(count, new Date(afterMs))
    .map((date) => date.getTime());

/** The ticks at or before a time, newest first. */
export const lastTicks = (recurrence: Recurrence, atMs: number, count: number): number[] =>
  open(recurrence)
    .previousRuns(count, new Date(atMs + 1))
    .map((date) => date.getTime());
