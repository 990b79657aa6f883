import { describe, expect, test } from "vitest";
import { takeByTat } from "./buckets.ts";

const rate = { perSecond: 10, burst: 5 };

/** Takes one after another at the given times and answers what each got. */
const takeAt = (...timesMs: number[]): number[] => {
  let tat = 0;
  return timesMs.map((nowMs) => {
    const taken = takeByTat(tat, nowMs, rate, 1);
    tat = taken.tat;
    return taken.grant.granted;
  });
};

describe("a bucket", () => {
  test("lets its burst through at once, then one for each interval", () => {
    expect(takeAt(0, 0, 0, 0, 0, 0, 99, 100, 100, 200, 10_000)).toEqual([1, 1, 1, 1, 1, 0, 0, 1, 0, 1, 1]);
  });

  test("says when it has a token again and when it is full", () => {
    const full = takeByTat(0, 1_000, rate, 1).grant;
    expect(full).toEqual({ granted: 1, remaining: 4, fullInMs: 100, nextInMs: 0 });
    const empty = takeByTat(1_500, 1_000, rate, 1).grant;
    expect(empty).toEqual({ granted: 0, remaining: 0, fullInMs: 500, nextInMs: 100 });
  });

  test("deals out a tenth of what is left at most, and the last ones singly", () => {
    const wide = { perSecond: 10, burst: 1_000 };
    expect(takeByTat(0, 0, wide, 50).grant.granted).toBe(50);
    expect(takeByTat(0, 0, wide, 500).grant.granted).toBe(100);
    expect(takeByTat(99_000, 0, wide, 50).grant.granted).toBe(1);
  });
});
