import { expect, test } from "vitest";
import { findInfinite } from "./find-infinite.ts";

test.each([
  ["1e400", "x"],
  ["-1e400", "x"],
  ['{"a":[0,{"b":1e400}]}', "x.a.1.b"],
  ["[[], {}, [1e999]]", "x.2.0"],
])("%s is infinite at %s", (text, path) => {
  expect(findInfinite(JSON.parse(text), "x")).toBe(path);
});

test.each(["null", "1.7976931348623157e308", "1e-400", '{"a":null,"b":"1e400","c":[true]}', "[]"])(
  "%s is not",
  (text) => {
    expect(findInfinite(JSON.parse(text), "x")).toBeNull();
  },
);

test("a value nested beyond the stack is looked through, and a long path is cut", () => {
  const deep = (inner: string) => JSON.parse(`${"[".repeat(50_000)}${inner}${"]".repeat(50_000)}`);
  expect(findInfinite(deep("1"), "x")).toBeNull();
  expect(findInfinite(deep("1e400"), "x")).toBe(`x${".0".repeat(100)}`.slice(0, 200));
});
