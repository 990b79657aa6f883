import { describe, expect, test } from "vitest";
import { cronFault, isTimezone, lastTicks, nextTicks } from "./cron.ts";
import { describeCron } from "./describe-cron.ts";
import { dueTick, parseWindow, planTick } from "./schedule-plan.ts";

const at = (text: string) => Date.parse(text);
const iso = (ms: number | undefined) => (ms === undefined ? undefined : new Date(ms).toISOString());
const ticks = (cron: string, timezone: string, after: string, count: number) =>
  nextTicks({ cron, timezone }, at(after), count).map(iso);

describe("ticks on days when the clock changes", () => {
  test("Berlin: the hour that spring skips falls on the end of the gap, the one that autumn repeats counts once", () => {
    expect(ticks("30 2 * * *", "Europe/Berlin", "2026-03-28T00:00:00Z", 3)).toEqual([
      ...["2026-03-28T01:30:00.000Z", "2026-03-29T01:00:00.000Z", "2026-03-30T00:30:00.000Z"],
    ]);
    expect(ticks("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", 2)).toEqual([
      ...["2026-10-25T00:30:00.000Z", "2026-10-26T01:30:00.000Z"],
    ]);
    expect(ticks("0 * * * *", "Europe/Berlin", "2026-10-24T23:30:00Z", 4)).toEqual([
      "2026-10-25T00:00:00.000Z",
      "2026-10-25T01:00:00.000Z",
      "2026-10-25T02:00:00.000Z",
      "2026-10-25T03:00:00.000Z",
    ]);
  });

  test("New York", () => {
    expect(ticks("30 2 * * *", "America/New_York", "2026-03-07T12:00:00Z", 2)).toEqual([
      ...["2026-03-08T07:00:00.000Z", "2026-03-09T06:30:00.000Z"],
    ]);
    expect(ticks("30 1 * * *", "America/New_York", "2026-10-31T12:00:00Z", 2)).toEqual([
      ...["2026-11-01T05:30:00.000Z", "2026-11-02T06:30:00.000Z"],
    ]);
  });

  test("Lord Howe, where the clock moves by half an hour", () => {
    expect(ticks("15 2 * * *", "Australia/Lord_Howe", "2026-10-02T18:00:00Z", 2)).toEqual([
      ...["2026-10-03T15:30:00.000Z", "2026-10-04T15:15:00.000Z"],
    ]);
    expect(ticks("45 1 * * *", "Australia/Lord_Howe", "2026-04-04T12:00:00Z", 2)).toEqual([
      ...["2026-04-04T14:45:00.000Z", "2026-04-05T15:15:00.000Z"],
    ]);
  });
});

describe("several hours of a day when the clock changes", () => {
  test.each([
    [
      ...["30 1,2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z"],
      ["2026-10-24T23:30:00.000Z", "2026-10-25T00:30:00.000Z", "2026-10-26T00:30:00.000Z"],
    ],
    [
      ...["30 */2 * * *", "Europe/Berlin", "2026-10-24T22:00:00Z"],
      ["2026-10-24T22:30:00.000Z", "2026-10-25T00:30:00.000Z", "2026-10-25T03:30:00.000Z"],
    ],
    [
      ...["30 1-2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z"],
      ["2026-03-29T00:30:00.000Z", "2026-03-29T01:00:00.000Z", "2026-03-29T23:30:00.000Z"],
    ],
    // Both are the same moment.
    [
      ...["0 2,3 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z"],
      ["2026-03-29T01:00:00.000Z", "2026-03-30T00:00:00.000Z", "2026-03-30T01:00:00.000Z"],
    ],
    [
      ...["30 0,1 * * *", "America/New_York", "2026-10-31T12:00:00Z"],
      ["2026-11-01T04:30:00.000Z", "2026-11-01T05:30:00.000Z", "2026-11-02T05:30:00.000Z"],
    ],
    [
      ...["30 1,2 * * *", "America/New_York", "2026-03-08T00:00:00Z"],
      ["2026-03-08T06:30:00.000Z", "2026-03-08T07:00:00.000Z", "2026-03-09T05:30:00.000Z"],
    ],
    [
      ...["45 0,1 * * *", "Australia/Lord_Howe", "2026-04-04T12:00:00Z"],
      ["2026-04-04T13:45:00.000Z", "2026-04-04T14:45:00.000Z", "2026-04-05T14:15:00.000Z"],
    ],
    [
      ...["15 1,2 * * *", "Australia/Lord_Howe", "2026-10-02T18:00:00Z"],
      ["2026-10-03T14:45:00.000Z", "2026-10-03T15:30:00.000Z", "2026-10-04T14:15:00.000Z"],
    ],
    // What repeats within the hour or each hour goes by the time that passes.
    [
      ...["0,30 2 * * *", "Europe/Berlin", "2026-10-25T00:10:00Z"],
      ["2026-10-25T00:30:00.000Z", "2026-10-25T01:00:00.000Z", "2026-10-25T01:30:00.000Z"],
    ],
    [
      ...["30 0-23 * * *", "Europe/Berlin", "2026-10-25T00:10:00Z"],
      ["2026-10-25T00:30:00.000Z", "2026-10-25T01:30:00.000Z", "2026-10-25T02:30:00.000Z"],
    ],
  ] as [string, string, string, string[]][])("%s in %s after %s", (cron, timezone, after, expected) => {
    expect(ticks(cron, timezone, after, 3)).toEqual(expected);
    const back = lastTicks({ cron, timezone }, at(expected[2] ?? ""), 3);
    expect(back.map(iso)).toEqual([...expected].reverse());
  });
});

describe("windows", () => {
  const plan = { cron: "0 * * * *", timezone: "UTC", window: "30m", seed: "env\nkey" };

  test("a schedule fires at the same place of each window, another one elsewhere", () => {
    const first = planTick(plan, at("2026-01-01T00:00:00Z"));
    const second = planTick(plan, at("2026-01-01T01:00:00Z"));
    const offsetMs = (first?.fireMs ?? 0) - (first?.tickMs ?? 0);
    expect((second?.fireMs ?? 0) - (second?.tickMs ?? 0)).toBe(offsetMs);
    const offsets = Array.from({ length: 200 }, (_, n) => {
      const tick = planTick({ ...plan, seed: `env\n${n}` }, 0);
      return (tick?.fireMs ?? 0) - (tick?.tickMs ?? 0);
    });
    expect(Math.max(...offsets)).toBeLessThan(1_800_000);
    expect(Math.min(...offsets)).toBeGreaterThanOrEqual(0);
    expect(new Set(offsets).size).toBeGreaterThan(150);
  });

  test("a window is never longer than the interval", () => {
    const tick = planTick({ ...plan, cron: "* * * * *", window: "24h" }, 0);
    expect((tick?.fireMs ?? 0) - (tick?.tickMs ?? 0)).toBeLessThan(60_000);
  });

  test.each(["0m", "90m", "24h", "0%", "100%"])("%s is a window", (text) => {
    expect(parseWindow(text)).not.toBeNull();
  });
  test.each(["25h", "101%", "1d", "30", "-5m", "1.5h", "05m", ""])("%j is none", (text) => {
    expect(parseWindow(text)).toBeNull();
  });
});

describe("missed ticks", () => {
  const plan = { cron: "*/10 * * * *", timezone: "UTC", window: null, seed: "" };

  test("only the latest is fired, then the next to come", () => {
    const due = dueTick(plan, at("2026-01-01T00:10:00Z"), at("2026-01-04T12:34:56Z"));
    expect({ fire: iso(due.fire), next: iso(due.next?.tickMs) }).toEqual({
      fire: "2026-01-04T12:30:00.000Z",
      next: "2026-01-04T12:40:00.000Z",
    });
  });

  test("a tick that is due but stands early in its window is not skipped for one that is not due", () => {
    const late = { ...plan, window: "100%", seed: "env\n3" };
    const pending = planTick(late, at("2026-01-01T00:00:00Z"));
    const due = dueTick(late, pending?.tickMs ?? 0, pending?.fireMs ?? 0);
    expect(due.fire).toBe(pending?.tickMs);
  });
});

test.each(["* * * * * *", "@daily", "61 * * * *", "* * * *", "", "0 0 30 2 *", "a b c d e"])(
  "%j is no cron",
  (cron) => {
    expect(cronFault(cron)).not.toBeNull();
  },
);
test.each(["Mars/Base", "+01:00", "", "UTC;", "../etc"])("%j is no zone", (name) => {
  expect(isTimezone(name)).toBe(false);
});
test("a cron in words", () => {
  expect(["* * * * *", "*/5 * * * *", "0 9 * * 1-5", "30 4 1 * *", "1,2 3 4 5 *"].map(describeCron)).toEqual([
    "Every minute",
    "Every 5 minutes",
    "At 09:00, Monday to Friday",
    "At 04:30, on day 1 of the month",
    'At the times of "1,2 3 4 5 *"',
  ]);
});
