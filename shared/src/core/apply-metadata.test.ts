import { expect, test } from "vitest";
import type { MetadataOperation } from "../contract/run-edits.ts";
import { applyMetadata, MetadataKeyError, MetadataNumberError } from "./apply-metadata.ts";

const apply = (before: Record<string, unknown>, ...operations: MetadataOperation[]) =>
  applyMetadata(before, operations);

test("operations change plain keys and paths, and nothing that was given", () => {
  const before = { n: 1, list: ["a"], deep: { x: [{ y: 1 }] } };
  const copy = structuredClone(before);
  expect(
    apply(
      before,
      { type: "set", key: "new", value: null },
      { type: "increment", key: "n", value: 2 },
      { type: "increment", key: "$.count.a", value: -1 },
      { type: "append", key: "list", value: "b" },
      { type: "append", key: "$.fresh", value: 1 },
      { type: "append", key: "n", value: 9 },
      { type: "set", key: "$.deep.x[0].y", value: 2 },
      { type: "set", key: "$.deep.x.0.z", value: 3 },
      { type: "set", key: '$["a.b"]', value: 4 },
    ),
  ).toEqual({
    ...{ n: [3, 9], new: null, count: { a: -1 }, list: ["a", "b"], fresh: [1], "a.b": 4 },
    deep: { x: [{ y: 2, z: 3 }] },
  });
  expect(before).toEqual(copy);
});

test("what is removed is gone, and removing what is not there changes nothing", () => {
  expect(
    apply(
      { a: 1, list: [1, { x: 1 }, 1], text: "t" },
      { type: "delete", key: "a" },
      { type: "delete", key: "none" },
      { type: "remove", key: "list", value: 1 },
      { type: "remove", key: "$.list", value: { x: 1 } },
      { type: "remove", key: "text", value: "t" },
    ),
  ).toEqual({ list: [], text: "t" });
});

test.each(["__proto__", "$.__proto__.x", "$.a.constructor", '$["prototype"].y', "$.a['__proto__']"])(
  "the key %s is refused",
  (key) => {
    expect(() => apply({}, { type: "set", key, value: { polluted: true } })).toThrow(MetadataKeyError);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  },
);

test.each(["$.", "$.a..b", "$.a[", "$[x]", "$.list[5]"])("the path %s is refused", (key) => {
  expect(() => apply({ list: [] }, { type: "set", key, value: 1 })).toThrow(MetadataKeyError);
});

test("a sum beyond the largest number is refused, not written as null", () => {
  const add = (value: number): MetadataOperation => ({ type: "increment", key: "$.n.m", value });
  expect(() => apply({}, add(1.5e308), add(1.5e308))).toThrow(MetadataNumberError);
  expect(() => apply({ n: { m: -1.5e308 } }, add(-1.5e308))).toThrow('"$.n.m"');
  expect(apply({}, add(1.5e308), add(-1.5e308))).toEqual({ n: { m: 0 } });
});
