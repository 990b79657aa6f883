import fc from "fast-check";
import { expect, test } from "vitest";
import { encodeLine, lineSplitter } from "./json-lines.ts";

test("frames come out whole however the stream is cut", () => {
  fc.assert(
    fc.property(fc.array(fc.json(), { maxLength: 8 }), fc.array(fc.nat(200)), (values, cuts) => {
      const text = values.map((value) => encodeLine({ value })).join("");
      const splitter = lineSplitter(1_000_000);
      const lines: string[] = [];
      let from = 0;
      for (const cut of [...cuts, text.length]) {
        lines.push(...splitter.push(text.slice(from, from + cut)));
        from += cut;
      }
      expect(lines.map((line) => JSON.parse(line))).toEqual(values.map((value) => ({ value })));
      expect(splitter.rest()).toBe("");
    }),
  );
});

test("a line over the limit is refused, and the next ones are read", () => {
  const splitter = lineSplitter(5);
  expect(() => splitter.push("abc\n123456")).toThrow(RangeError);
  expect(splitter.push("ok\n")).toEqual(["ok"]);
});
