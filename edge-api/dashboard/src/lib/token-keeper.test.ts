import { expect, test } from "vitest";
import { createTokenKeeper } from "./token-keeper.ts";

const setUp = (lifetimeMs: number) => {
  let nowMs = 1_000_000;
  let made = 0;
  let broken = false;
  const keeper = createTokenKeeper(
    async () => {
      made += 1;
      if (broken) throw new Error("no");
      return { token: `token ${made}`, expiresAt: new Date(nowMs + lifetimeMs).toISOString() };
    },
    () => nowMs,
  );
  return {
    keeper,
    made: () => made,
    pass: (ms: number) => {
      nowMs += ms;
    },
    setBroken: (value: boolean) => {
      broken = value;
    },
  };
};

test("callers that ask together share one request, before and after it grows old", async () => {
  const { keeper, made, pass } = setUp(300_000);
  expect(await Promise.all([keeper.current(), keeper.current()])).toEqual(["token 1", "token 1"]);
  pass(239_999);
  expect(await keeper.current()).toBe("token 1");
  pass(1);
  expect(await Promise.all([keeper.current(), keeper.current()])).toEqual(["token 2", "token 2"]);
  expect(made()).toBe(2);
});

test("a token that lives shorter than the margin is used for half its life", async () => {
  const { keeper, pass } = setUp(10_000);
  await keeper.current();
  pass(4_999);
  expect(await keeper.current()).toBe("token 1");
  pass(1);
  expect(await keeper.current()).toBe("token 2");
});

test("a failure is told to whoever asked, and not remembered", async () => {
  const { keeper, setBroken } = setUp(300_000);
  setBroken(true);
  await expect(keeper.current()).rejects.toThrow("no");
  setBroken(false);
  expect(await keeper.current()).toBe("token 2");
});

test("a refused token is replaced", async () => {
  const { keeper } = setUp(300_000);
  await keeper.current();
  keeper.forget();
  expect(await keeper.current()).toBe("token 2");
});
