import { expect, test } from "vitest";
import { jsonbText, plainText } from "./jsonb-text.ts";

const read = (value: unknown): unknown => JSON.parse(jsonbText(value));

test("NUL and halves of surrogate pairs become the replacement character, in keys too", () => {
  expect(read({ a: "x\0\0y", "\0": "\ud83d" })).toEqual({ a: "x\ufffd\ufffdy", "\ufffd": "\ufffd" });
});

test("text that only looks like such an escape stays as it is", () => {
  const tricky = ["\\u0000", "\\\\u0000", "\\", "\n\u0001", "😀", "\\\0"];
  expect(read(tricky)).toEqual(["\\u0000", "\\\\u0000", "\\", "\n\u0001", "😀", "\\\ufffd"]);
});

test("a text that stands alone is mended in the same way", () => {
  expect(plainText("a\0b\ud800")).toBe("a\ufffdb\ufffd");
});
