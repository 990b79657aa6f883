import { Cron } from "croner";

/** When something recurs: five cron fields in a zone of the IANA database. */
export type Recurrence = { cron: string; timezone: string };

const open = ({ cron, timezone }: Recurrence): Cron =>
  new Cron(cron.trim(), { mode: "5-part", timezone, paused: true });

const hourPart = /^(?:\*|(\d{1,2})(?:-(\d{1,2}))?)(?:\/(\d{1,2}))?$/;

/** The hours that a field names; null where it is written in another way than with numbers, ranges and steps. */
const hoursOf = (field: string): number[] | null => {
  const hours = new Set<number>();
  for (const part of field.split(",")) {
    const found = hourPart.exec(part);
    const [, from = "0", to = found?.[1] ?? "23", step] = found ?? [];
    // "5/2" has a meaning of its own.
    if (found === null || Number(step) === 0 || (step !== undefined && found[1] !== undefined && !found[2]))
      return null;
    for (let hour = Number(from); hour <= Number(to); hour += Number(step ?? 1)) hours.add(hour);
  }
  return [...hours];
};

/**
 * The patterns that together make a recurrence. The library keeps to the clock on the wall (a time that a day has twice is taken
 * once, one that it skips falls on the end of the gap) only where a pattern names one hour; for several it counts what
 * passes. So a pattern of one minute and some hours is taken hour by hour; every hour, or several minutes of one, repeat as time passes.
 */
const openAll = ({ cron, timezone }: Recurrence): Cron[] => {
  const [minute = "", hour = "", ...days] = cron.trim().split(/\s+/);
  const hours = hoursOf(hour);
  if (!/^\d+$/.test(minute) || hours === null || hours.length < 2 || hours.length === 24)
    return [open({ cron, timezone })];
  return hours.map((each) => open({ cron: [minute, each, ...days].join(" "), timezone }));
};

const distinct = (dates: readonly Date[]): number[] => [...new Set(dates.map((date) => date.getTime()))];

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
 * that an autumn day has twice is taken once, unless the pattern repeats within the hour, or each hour, anyway.
 *
 * Units: Unix milliseconds.
 */
export const nextTick = (recurrence: Recurrence, afterMs: number): number | null =>
  nextTicks(recurrence, afterMs, 1)[0] ?? null;

/** The ticks that follow a time, oldest first. */
export const nextTicks = (recurrence: Recurrence, afterMs: number, count: number): number[] =>
  distinct(openAll(recurrence).flatMap((cron) => cron.nextRuns(count, new Date(afterMs))))
    .sort((a, b) => a - b)
    .slice(0, count);

/** The ticks at or before a time, newest first. */
export const lastTicks = (recurrence: Recurrence, atMs: number, count: number): number[] =>
  distinct(openAll(recurrence).flatMap((cron) => cron.previousRuns(count, new Date(atMs + 1))))
    .sort((a, b) => b - a)
    .slice(0, count);
