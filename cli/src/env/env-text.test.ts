import { parseEnv } from "node:util";
import { expect, test } from "vitest";
import { writeEnvText } from "./write-env-text.ts";

test("every value comes back as it was", () => {
  const values = {
    PLAIN: "postgres://u:p@h:5432/d?x=1",
    EMPTY: "",
    SPACES: "  a b  ",
    HASH: "a #b",
    LINES: "one\ntwo\n",
    QUOTE: `it's "here"`,
    DOLLAR: "$HOME $X",
    BACKSLASH: "a\\nb",
  };
  expect({ ...parseEnv(writeEnvText(values)) }).toEqual(values);
});

test("a value that no quotes hold is named", () => {
  expect(() => writeEnvText({ ALL: `'"\`\\` })).toThrow("ALL: it holds every kind of quote");
});
