import { expect, test } from "vitest";
import { tokenFrom } from "./token-from.ts";

test("a link and a bare token are both taken", () => {
  expect(tokenFrom(" http://127.0.0.1:3030/sign-in?token=abc123 ")).toBe("abc123");
  expect(tokenFrom("abc123\n")).toBe("abc123");
});

test("what holds no token is refused", () => {
  expect(tokenFrom("  ")).toBeNull();
  expect(tokenFrom("two words")).toBeNull();
  expect(tokenFrom("https://example.com/sign-in")).toBeNull();
});
