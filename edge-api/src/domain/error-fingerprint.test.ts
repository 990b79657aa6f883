import { expect, test } from "vitest";
import { errorFingerprint } from "./error-fingerprint.ts";

const thrown = (message: string, name = "Error") =>
  ({ type: "BUILT_IN_ERROR", name, message, stackTrace: "" }) as const;

test("errors that differ in numbers, ids and quoted values are one fault", () => {
  const first = errorFingerprint(thrown('no user "a" with id 17 (3f2504e0-4f89-11d3-9a0c-0305e82c3301)'));
  expect(first).toMatch(/^error_[0-9a-f]{16}$/);
  expect(errorFingerprint(thrown('no user "bee" with id 4 (0e02b2c3-9a0c-4f89-11d3-d479f47ac10b)'))).toBe(
    first,
  );
});

test("errors of other names, messages or kinds are other faults", () => {
  const faults = [
    thrown("timed out"),
    thrown("timed out", "TimeoutError"),
    thrown("refused"),
    { type: "STRING_ERROR", raw: "timed out" } as const,
  ];
  expect(new Set(faults.map(errorFingerprint)).size).toBe(faults.length);
});
