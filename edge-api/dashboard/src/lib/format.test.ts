import { expect, test } from "vitest";
import { formatDuration, formatRelative, shortId } from "./format.ts";

test("a duration is shown in at most two units", () => {
  expect(formatDuration(84.4)).toBe("84 ms");
  expect(formatDuration(1_240)).toBe("1.2 s");
  expect(formatDuration(42_900)).toBe("42 s");
  expect(formatDuration(185_000)).toBe("3 m 05 s");
  expect(formatDuration(7_800_000)).toBe("2 h 10 m");
  expect(formatDuration(4 * 86_400_000 + 3 * 3_600_000)).toBe("4 d 3 h");
  expect(formatDuration(-5)).toBe("0 ms");
});

test("a moment of either sign is just now, whatever the clocks say", () => {
  expect(formatRelative(new Date(1_000), 2_500)).toBe("just now");
  expect(formatRelative(new Date(2_500), 1_000)).toBe("just now");
  expect(formatRelative(new Date(0), 65_000)).toBe("1 m ago");
  expect(formatRelative(new Date(65_000), 0)).toBe("in 1 m");
});

test("a short id keeps the prefix and the end, which differs between neighbours", () => {
  expect(shortId("run_01k0abcdefghjkmnpqrstvwxyz")).toBe("run_…stvwxyz");
  expect(shortId("run_abc")).toBe("run_abc");
});
