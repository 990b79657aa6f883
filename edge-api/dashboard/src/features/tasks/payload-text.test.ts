import { expect, test } from "vitest";
import { readPayload, starterPayload } from "./payload-text.ts";

test("an empty editor is a run without a payload", () => {
  expect(readPayload("  \n")).toEqual({ ok: true, value: undefined });
});

test("broken JSON is answered with what is wrong with it", () => {
  const reading = readPayload('{\n  "a": 1,\n}');
  expect(reading.ok).toBe(false);
  expect(reading.ok ? "" : reading.message).toMatch(/^This is not JSON: .*line 3/);
});

test("a schema gives the first payload its shape", () => {
  const schema = {
    type: "object",
    properties: {
      id: { type: "string" },
      count: { type: "integer", default: 3 },
      kind: { enum: ["a", "b"] },
    },
  };
  expect(JSON.parse(starterPayload(schema))).toEqual({ id: "", count: 3, kind: "a" });
  expect(starterPayload(undefined)).toBe("{}");
});
