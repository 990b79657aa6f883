import { expect, test } from "vitest";
import { ShortCache } from "./short-cache.ts";

test("what was forgotten while it was asked for is asked for again", async () => {
  const cache = new ShortCache<number>(60_000, 10);
  let asked = 0;
  const load = async () => ++asked;
  const first = cache.get("key", load);
  cache.delete("key");
  expect(await first).toBe(1);
  expect(await cache.get("key", load)).toBe(2);
  expect(await cache.get("key", load)).toBe(2);
});
