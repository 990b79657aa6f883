import { expect, test } from "vitest";
import type { Database } from "../db/database.ts";
import { createHearing } from "./hearing.ts";

const make = (call: Database["call"] = async () => null) => {
  const at = { ms: 0 };
  const hearing = createHearing({ slowMs: 10_000, restMs: 30_000 }, () => at.ms);
  return { at, hearing, db: hearing.watch({ call, read: {} as Database["read"] }) };
};
const failing = (code?: string) => async () => {
  throw Object.assign(new Error("no"), code === undefined ? {} : { code });
};

test("agents could be heard since the process began, as long as it looks often enough", () => {
  const { at, hearing } = make();
  for (at.ms = 20_000; at.ms <= 100_000; at.ms += 20_000) expect(hearing.ms()).toBe(at.ms);
  at.ms += 200_000; // a long sweep
  hearing.rested();
  at.ms += 30_000;
  expect(hearing.ms()).toBe(at.ms);
});

test.each([200_000, -200_000])(
  "a host that was suspended, or a clock that jumps by %i ms, begins anew",
  (ms) => {
    const { at, hearing } = make();
    at.ms = 20_000;
    hearing.ms();
    at.ms += ms;
    expect(hearing.ms()).toBe(0);
  },
);

test.each([undefined, "ECONNRESET", "EPIPE", "57P03", "08006", "53300"])(
  "an error %s of a database that is away begins anew",
  async (code) => {
    const { at, hearing, db } = make(failing(code));
    at.ms = 20_000;
    await expect(db.call("", [])).rejects.toThrow("no");
    at.ms = 25_000;
    expect(hearing.ms()).toBe(5_000);
  },
);

test.each(["23505", "22P02", "40P01", "42601"])("an error %s of a statement does not", async (code) => {
  const { at, hearing, db } = make(failing(code));
  at.ms = 20_000;
  await expect(db.call("", [])).rejects.toThrow("no");
  expect(hearing.ms()).toBe(20_000);
});

test("a statement that had to wait for the database begins anew when it is answered", async () => {
  const { at, hearing, db } = make(async () => {
    at.ms += 60_000;
    return null;
  });
  await db.call("", []);
  expect(hearing.ms()).toBe(0);
});
