import { afterEach, expect, test, vi } from "vitest";
import { ShortCache } from "./short-cache.ts";

afterEach(() => void vi.useRealTimers());

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

test("an answer is kept for as long as that one is to be, and the oldest goes when there are too many", async () => {
  vi.useFakeTimers({ toFake: ["performance"] });
  const cache = new ShortCache<string>((value) => (value === "long" ? 1_000 : 100), 2);
  const asked: string[] = [];
  const get = (key: string, value: string) =>
    cache.get(key, async () => {
      asked.push(key);
      return value;
    });
  await get("a", "long");
  await get("b", "short");
  vi.advanceTimersByTime(101);
  await get("a", "long");
  await get("b", "short");
  expect(asked).toEqual(["a", "b", "b"]);
  vi.advanceTimersByTime(900);
  await get("a", "long");
  expect(asked).toEqual(["a", "b", "b", "a"]);
  await get("c", "long");
  await get("b", "long");
  expect(asked).toEqual(["a", "b", "b", "a", "c", "b"]);
});
