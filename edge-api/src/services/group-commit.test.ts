import { expect, test } from "vitest";
import { groupCommit } from "./group-commit.ts";

/** A `run` whose calls end when the test says so. */
const controlled = () => {
  const calls: { items: number[]; end(results?: number[]): void; fail(error: Error): void }[] = [];
  const run = (items: number[]) =>
    new Promise<number[]>((resolve, reject) => {
      calls.push({ items, end: (results = items.map((n) => n * 10)) => resolve(results), fail: reject });
    });
  return { calls, run };
};

test("the first call goes out at once; those that come meanwhile share the next one", async () => {
  const { calls, run } = controlled();
  const write = groupCommit(run, { itemsMax: 10, flightsMax: 1 });
  const answers = [1, 2, 3].map(write);
  expect(calls.map(({ items }) => items)).toEqual([[1]]);
  calls[0]?.end();
  expect(await answers[0]).toBe(10);
  expect(calls.map(({ items }) => items)).toEqual([[1], [2, 3]]);
  calls[1]?.end();
  expect(await Promise.all(answers)).toEqual([10, 20, 30]);
});

test("no more flights and no larger groups than allowed", async () => {
  const { calls, run } = controlled();
  const write = groupCommit(run, { itemsMax: 2, flightsMax: 2 });
  const answers = [1, 2, 3, 4, 5].map(write);
  expect(calls.map(({ items }) => items)).toEqual([[1], [2]]);
  calls[0]?.end();
  await answers[0];
  expect(calls.map(({ items }) => items)).toEqual([[1], [2], [3, 4]]);
  calls[1]?.end();
  await answers[1];
  calls[2]?.end();
  calls[3]?.end();
  expect(await Promise.all(answers)).toEqual([10, 20, 30, 40, 50]);
});

test("a failure reaches each caller of its group, and the next group is not kept from going out", async () => {
  const { calls, run } = controlled();
  const write = groupCommit(run, { itemsMax: 10, flightsMax: 1 });
  const first = write(1);
  const second = write(2);
  calls[0]?.fail(new Error("no"));
  await expect(first).rejects.toThrow("no");
  calls[1]?.end([]);
  await expect(second).rejects.toThrow("too few results");
});

test("an item that spoils its group fails alone; what is nobody's fault fails all", async () => {
  const isItemFault = (error: unknown) => error instanceof RangeError;
  const run = async (items: number[]) => {
    if (items.includes(13)) throw new RangeError("thirteen");
    if (items.includes(0)) throw new Error("away");
    return items.map((n) => n * 10);
  };
  const write = groupCommit(run, { itemsMax: 10, flightsMax: 1, isItemFault });
  const answers = await Promise.allSettled([1, 2, 13, 4].map(write));
  expect(answers.map((answer) => (answer.status === "fulfilled" ? answer.value : "failed"))).toEqual([
    10,
    20,
    "failed",
    40,
  ]);
  const others = await Promise.allSettled([1, 0, 3].map(write));
  expect(others.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "rejected"]);
});

test("the next group is sent before those of the last go on", async () => {
  const order: string[] = [];
  // As a pool does it: at the end of the turn of the loop.
  const run = async (items: number[]) => {
    await new Promise<void>((resolve) => process.nextTick(resolve));
    order.push(`sent ${items}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
    return items;
  };
  const write = groupCommit(run, { itemsMax: 10, flightsMax: 1 });
  await Promise.all([1, 2, 3].map(async (item) => order.push(`told ${await write(item)}`)));
  expect(order).toEqual(["sent 1", "sent 2,3", "told 1", "told 2", "told 3"]);
});
