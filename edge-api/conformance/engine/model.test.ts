import fc from "fast-check";
import { afterAll, beforeAll, describe, test } from "vitest";
import { openTestPglite, openTestPostgres, type TestDatabase } from "./fixture.ts";
import { ops, playHistory } from "./history.ts";

const serverUrl = process.env.LONGSHORE_TEST_DATABASE_URL;
const histories = Number(process.env.LONGSHORE_HISTORIES ?? 45);
const seed = process.env.LONGSHORE_SEED;
const number = fc.nat({ max: 59 });
const step = fc.record({ op: fc.constantFrom(...ops), a: number, b: number, c: number });

/** `LONGSHORE_SEED` plays a failed run again, `LONGSHORE_HISTORIES` plays more. */
describe("the engine against its model", () => {
  let t: TestDatabase;
  beforeAll(async () => {
    t = serverUrl === undefined ? await openTestPglite() : await openTestPostgres(serverUrl);
  }, 60_000);
  afterAll(() => t.close());

  test(`${histories} random histories end in the states, epochs and answers of the model`, async () => {
    const property = fc.asyncProperty(
      fc.array(step, { minLength: 60, maxLength: 90, size: "max" }),
      (steps) => playHistory(t, steps),
    );
    await fc.assert(property, {
      numRuns: histories,
      // The first failure names its seed at once; played again by it, the history is also made shorter.
      ...(seed === undefined
        ? { endOnFailure: true }
        : { seed: Number(seed), interruptAfterTimeLimit: 240_000, markInterruptAsFailure: true }),
    });
  }, 300_000);
});
