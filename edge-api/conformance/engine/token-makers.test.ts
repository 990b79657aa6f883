import { randomBytes } from "node:crypto";
import { addApiKey, revokeApiKey } from "@longshore/edge-api/db/transitions/api-keys";
import { authenticate } from "@longshore/edge-api/services/authenticate";
import { signTokenFor } from "@longshore/edge-api/services/tokens";
import { newId } from "@longshore/shared/core/ids";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { countStatements } from "./count-statements.ts";
import { depsOf } from "./deps-of.ts";
import { seed, type TestDatabase, testDrivers } from "./fixture.ts";

describe.each(testDrivers)("a token and the key that it was made with, on $name", ({ open }) => {
  let t: TestDatabase;
  beforeAll(async () => {
    t = await open();
  }, 60_000);
  afterAll(() => t?.close());
  // What the API remembers grows old by the process's clock.
  beforeEach(() => void vi.useFakeTimers({ toFake: ["performance"] }));
  afterEach(() => void vi.useRealTimers());

  /** A process of the API of its own, which remembers nothing yet, and a token made with a key. */
  const made = async (expiresAt: string | null = null) => {
    const { environmentId } = await seed(t, { tasks: [{ id: "a" }], agents: 0 });
    const { db, statements } = countStatements(t.db);
    const deps = depsOf(db);
    const id = newId("apiKey");
    const keyHash = randomBytes(32).toString("hex");
    const key = { id, environmentId, name: "k", keyHash, hint: "abcd", scopes: null, expiresAt };
    await addApiKey(t.db, key, 100);
    const token = await signTokenFor(deps, { environmentId, keyId: id }, { pub: true, scopes: [] }, 3_600);
    return {
      /** Another process of the API revokes it. */
      revoke: (graceS: number) => revokeApiKey(t.db, { id, environmentId }, graceS),
      use: () =>
        authenticate(deps, `Bearer ${token}`).then(
          () => "accepted",
          (error: Error) => error.message,
        ),
      statements,
    };
  };
  const refusal = "The key that this Public Access Token was made with was revoked or has expired.";
  const pass = async (ms: number) => {
    vi.advanceTimersByTime(ms);
    await t.advance(ms);
  };

  test("costs one statement, not one each time, once the key was revoked", async () => {
    const p = await made();
    await p.revoke(0);
    for (let nth = 0; nth < 20; nth++) {
      expect(await p.use()).toBe(refusal);
      await pass(10_000);
    }
    expect(p.statements()).toBe(1);
  });

  test("is known as ended in a process that trusted it a moment ago", async () => {
    const p = await made();
    expect(await p.use()).toBe("accepted");
    await p.revoke(0);
    await pass(5_001);
    for (let nth = 0; nth < 5; nth++) expect(await p.use()).toBe(refusal);
    expect(p.statements()).toBe(2);
  });

  test("is asked for while the key's end lies ahead, and no more once it has passed", async () => {
    const graceS = 20;
    const revoked = await made();
    await revoked.revoke(graceS);
    const [row] = await t.query("select app_now() + interval '20 seconds' as at");
    const expiring = await made(new Date(String(row?.at)).toISOString());
    for (const p of [revoked, expiring]) expect(await p.use()).toBe("accepted");
    await pass(6_000);
    for (const p of [revoked, expiring]) expect(await p.use()).toBe("accepted");
    await pass(14_001);
    for (let nth = 0; nth < 5; nth++) {
      for (const p of [revoked, expiring]) expect(await p.use()).toBe(refusal);
      await pass(6_000);
    }
    for (const p of [revoked, expiring]) expect(p.statements()).toBe(3);
  });

  test("ends sooner when a grace is cut short", async () => {
    const p = await made();
    await p.revoke(3_600);
    expect(await p.use()).toBe("accepted");
    await p.revoke(0);
    await pass(5_001);
    expect(await p.use()).toBe(refusal);
  });
});
