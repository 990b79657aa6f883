import { randomBytes } from "node:crypto";
import type { Deps } from "@longshore/edge-api/services/deps";
import { envOfRuns } from "@longshore/edge-api/services/env-of-runs";
import { importEnvVars, listEnvVars } from "@longshore/edge-api/services/env-vars";
import { resealEnvVars } from "@longshore/edge-api/services/reseal-env-vars";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openTestPglite, seed, type TestDatabase } from "./engine/fixture.ts";

const newRoot = () => new Uint8Array(randomBytes(32));

describe("keys that encrypt variables", () => {
  let engine: TestDatabase & { environmentId: string };
  beforeAll(async () => {
    const test = await openTestPglite();
    engine = { ...test, ...(await seed(test, { tasks: [], agents: 0 })) };
  }, 60_000);
  afterAll(() => engine?.close());

  /** A process that has these keys. Each has a database object of its own, since it remembers by that. */
  const processWith = (...encryptionKeys: Uint8Array[]) =>
    ({ db: { ...engine.db }, encryptionKeys }) as unknown as Deps;
  const me = () => ({ kind: "key" as const, environmentId: engine.environmentId, scopes: null });
  const valuesOf = async (deps: Deps) =>
    Object.fromEntries((await listEnvVars(deps, me())).map(({ name, value }) => [name, value]));

  test("an old key still opens, the newest seals, and resealing ends the need for the old one", async () => {
    const [first, second] = [newRoot(), newRoot()];
    const variables = Object.fromEntries(Array.from({ length: 150 }, (_, i) => [`V_${i}`, `value ${i}`]));
    await importEnvVars(processWith(first), me(), { variables, override: true });
    const both = processWith(second, first);
    expect(await valuesOf(both)).toEqual(variables);
    await importEnvVars(both, me(), { variables: { V_0: "changed" }, override: true });
    expect([await resealEnvVars(both), await resealEnvVars(both), await resealEnvVars(both)]).toEqual([
      100, 49, 0,
    ]);
    expect(await valuesOf(processWith(second))).toEqual({ ...variables, V_0: "changed" });
    expect(await envOfRuns(processWith(first), engine.environmentId)).toMatchObject({ kind: "unreadable" });
    expect(await engine.query("select distinct key_id from env_vars")).toHaveLength(1);
  });

  test("a value does not open in another variable's place, and the database holds none in clear", async () => {
    const deps = processWith(newRoot());
    await importEnvVars(deps, me(), { variables: { MINE: "secret-text", YOURS: "other" }, override: true });
    const dump = JSON.stringify(await engine.query("select * from env_vars"));
    expect(dump).not.toContain("secret-text");
    expect(dump).not.toContain(Buffer.from("secret-text").toString("base64").slice(0, 12));
    await engine.query(
      "update env_vars set sealed = (select sealed from env_vars where name = 'MINE') where name = 'YOURS'",
    );
    await expect(listEnvVars(deps, me())).rejects.toThrow(/YOURS|V_/);
  });
});
