import { expect, test } from "vitest";
import { readRest } from "./read-rest.ts";

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

test("what comes late but goes on coming is read to its end", async () => {
  let chars = 0;
  const comes = async () => {
    for (let nth = 0; nth < 5; nth++) {
      await sleep(200);
      chars += 10;
    }
  };
  expect(await readRest({ ended: comes(), charsRead: () => chars }, "marked")).toBe(true);
  expect(chars).toBe(50);
});

test("a pipe that somebody else holds open is left", async () => {
  expect(await readRest({ ended: new Promise(() => {}), charsRead: () => 7 }, "closed")).toBe(false);
});

test("what nobody marks is over when a turn brings nothing, or brings more than pipes hold", async () => {
  const ended = new Promise<void>(() => {});
  expect(await readRest({ ended, charsRead: () => 7 }, "unmarked")).toBe(true);
  let chars = 0;
  const endless = () => {
    chars += 1_000;
    return chars;
  };
  expect(await readRest({ ended, charsRead: endless }, "unmarked")).toBe(false);
});
