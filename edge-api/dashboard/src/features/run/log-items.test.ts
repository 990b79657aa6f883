import type { LogLine } from "@longshore/shared/contract/runs";
import { expect, test } from "vitest";
import { toLogItems } from "./log-items.ts";

const line = (seq: number, attempt: number, level: LogLine["level"], message: string): LogLine => ({
  seq,
  at: new Date(seq).toISOString(),
  attempt,
  level,
  stream: "stdout",
  message,
});
const lines = [line(1, 1, "debug", "One"), line(2, 1, "error", "two"), line(3, 2, "info", "one more")];

test("attempts are marked when there are several", () => {
  expect(toLogItems(lines, "all", "").map(({ kind }) => kind)).toEqual([
    "attempt",
    "line",
    "line",
    "attempt",
    "line",
  ]);
  expect(toLogItems(lines.slice(0, 2), "all", "").map(({ kind }) => kind)).toEqual(["line", "line"]);
});

test("a level keeps what is at least as severe", () => {
  expect(toLogItems(lines.slice(0, 2), "warn", "")).toEqual([{ kind: "line", line: lines[1] }]);
});

test("a search ignores case and looks into attributes", () => {
  const tagged = { ...line(4, 1, "info", "x"), attributes: { city: "Riga" } };
  expect(toLogItems([...lines, tagged], "all", "ONE").filter(({ kind }) => kind === "line")).toHaveLength(2);
  expect(toLogItems([tagged], "all", "riga")).toHaveLength(1);
});
