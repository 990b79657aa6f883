import fc from "fast-check";
import { afterAll, beforeAll, describe, test } from "vitest";
import { openTestPglite, openTestPostgres } from "../fixture.ts";
import { makeWorld, type World } from "./game.ts";
import { ops, playHistory } from "./history.ts";

const serverUrl = process.env.LONGSHORE_TEST_DATABASE_URL;
const isWhole = process.env.LONGSHORE_REQUIRE_ALL === "1";
const histories = Number(
  process.env.LONGSHORE_HISTORIES ?? (isWhole && serverUrl ? 10_000 : serverUrl ? 600 : 60),
);
const seed = process.env.LONGSHORE_SEED;
const path = process.env.LONGSHORE_PATH;
/** Databases that histories are played on at the same time, when none is to be found again. */
const tables = serverUrl === undefined || seed !== undefined ? 1 : 3;

const number = fc.nat({ max: 59 });
const step = fc.record({ op: fc.constantFrom(...ops), a: number, b: number, c: number });
const steps = fc.oneof(
  { weight: 40, arbitrary: fc.array(step, { minLength: 6, maxLength: 10, size: "max" }) },
  { weight: 1, arbitrary: fc.array(step, { minLength: 40, maxLength: 60, size: "max" }) },
);

/** `LONGSHORE_SEED` and `LONGSHORE_PATH` play a failed history again, and make it shorter; `LONGSHORE_HISTORIES` plays more. */
describe("the engine against its model", () => {
  const worlds: World[] = [];
  beforeAll(async () => {
    for (let nth = 0; nth < tables; nth++) {
      const t = serverUrl === undefined ? await openTestPglite() : await openTestPostgres(serverUrl, 1);
      worlds.push(await makeWorld(t));
    }
  }, 60_000);
  afterAll(() => Promise.all(worlds.map(({ t }) => t.close())));

  const playMany = async (world: World, count: number) => {
    const property = fc.asyncProperty(steps, fc.nat({ max: 9 }), (history, n) =>
      playHistory(world, history, n > 0),
    );
    await fc.assert(property, {
      numRuns: count,
      // The first failure names its seed and path at once; played again by them, the history is also made shorter.
      ...(seed === undefined
        ? { endOnFailure: true }
        : { seed: Number(seed), interruptAfterTimeLimit: 240_000, markInterruptAsFailure: true }),
      ...(path === undefined ? {} : { path }),
    });
  };

  test(`${histories} random histories end in the states, epochs and answers of the model`, async () => {
    await Promise.all(worlds.map((world) => playMany(world, Math.ceil(histories / worlds.length))));
  }, 600_000);
});
