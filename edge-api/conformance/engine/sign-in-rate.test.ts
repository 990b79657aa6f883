import { createInProcessHints } from "@longshore/edge-api/hints/in-process";
import { createApp } from "@longshore/edge-api/routes/app";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { depsOf } from "./deps-of.ts";
import { openTestPglite, type TestDatabase } from "./fixture.ts";

/** What a bucket holds when it is full. */
const full = 60;

/** The routes as Node serves them, asked from any address. */
describe("sign-in requests are limited by address", () => {
  let t: TestDatabase;
  beforeAll(async () => {
    t = await openTestPglite();
  }, 60_000);
  afterAll(() => t.close());

  const place = (clientAddressHeader: string | null) => {
    const base = depsOf(t.db);
    const hints = createInProcessHints(crypto.randomUUID());
    const app = createApp(() => ({ ...base, hints, settings: { ...base.settings, clientAddressHeader } }));
    const start = async (remoteAddress: string, headers: Record<string, string> = {}) => {
      const answer = await app.request(
        "/api/v1/sign-in-requests",
        {
          method: "POST",
          headers: { "content-type": "application/json", ...headers },
          body: JSON.stringify({ machine: "workbench", client: "longshore 1.2.3" }),
        },
        { incoming: { socket: { remoteAddress } } },
      );
      return answer.status;
    };
    /** How many were let in: a bucket that is empty lets one in for each second that asking takes. */
    const untilRefused = async (one: () => Promise<number>) => {
      let asked = 0;
      for (let status = await one(); status !== 429; status = await one()) {
        expect(status).toBe(200);
        expect(++asked).toBeLessThan(200);
      }
      return asked;
    };
    return { start, untilRefused };
  };

  test("one that asks too often keeps no other out", async () => {
    const p = place(null);
    const asked = await p.untilRefused(() => p.start("2001:db8:0:1::1"));
    expect(asked).toBeGreaterThanOrEqual(full);
    expect(await p.untilRefused(() => p.start("2001:db8:0:1::2"))).toBeLessThan(full);
    expect(await p.start("2001:db8:0:2::1")).toBe(200);
    expect(await p.start("::ffff:203.0.113.7")).toBe(200);
    // Nobody is believed who names an address of his own.
    const naming = { "x-forwarded-for": "198.51.100.1" };
    expect(await p.untilRefused(() => p.start("2001:db8:0:1::1", naming))).toBeLessThan(full);
  });

  test("behind a proxy it is the address that the proxy names last", async () => {
    const p = place("x-forwarded-for");
    const via = (list: string) => p.start("10.0.0.1", { "x-forwarded-for": list });
    await p.untilRefused(() => via("203.0.113.1"));
    expect(await p.untilRefused(() => via("198.51.100.1, 203.0.113.1"))).toBeLessThan(full);
    expect(await via("203.0.113.1, 198.51.100.1")).toBe(200);
    expect(await p.start("10.0.0.1")).toBe(200);
  });
});
