import {
  createDeployment,
  finaliseDeployment,
  promoteDeployment,
} from "@longshore/edge-api/db/transitions/deployments";
import type { Principal } from "@longshore/edge-api/services/authenticate";
import { replayRun } from "@longshore/edge-api/services/replay-run";
import { resolveManifest } from "@longshore/edge-api/services/resolve-manifest";
import { triggerAll } from "@longshore/edge-api/services/write-triggers";
import { BundleManifest } from "@longshore/shared/contract/manifest";
import type { TriggerOptions } from "@longshore/shared/contract/trigger";
import { newId } from "@longshore/shared/core/ids";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { depsOf } from "./deps-of.ts";
import { seed, type TestDatabase, testDrivers } from "./fixture.ts";

const task = { id: "a", retry: { maxAttempts: 3 }, machine: "small-2x", maxDuration: 60, ttl: "1h" };

describe.each(testDrivers)("replays on $name", ({ open }) => {
  let t: TestDatabase;
  beforeAll(async () => {
    t = await open();
  }, 60_000);
  afterAll(() => t?.close());

  const place = async () => {
    const tasks = [task, { id: "b", queue: { name: "gate" } }, { id: "c", queue: { name: "named" } }];
    const limits = [
      { name: "one", total: 5 },
      { name: "two", perKey: 5 },
    ];
    const seeded = await seed(t, { tasks, limits, agents: 0 });
    const { environmentId, bundleHash, manifest } = seeded;
    const principal: Principal = { kind: "key", environmentId, scopes: null };
    const trigger = async (options: TriggerOptions): Promise<string> => {
      const body = { payload: { n: 1 }, options };
      const request = { task: "a", body, requestKey: null, idempotencyKey: null, idempotencyKeyTtl: null };
      const [made] = await triggerAll(depsOf(t.db), environmentId, [request]);
      if (made?.kind !== "ok") throw new Error(made?.error.message);
      return made.id;
    };
    const replay = async (id: string, body: Parameters<typeof replayRun>[3]["body"] = {}) =>
      (await replayRun(depsOf(t.db), principal, id, { body, requestKey: null })).id;
    const row = async (id: string) => {
      const [found] = await t.query(
        `select machine, retry, max_duration_s, ttl_ms::int, priority, gates, limit_names, requested_queue,
          concurrency_key, tags, metadata, region, labels, is_test, payload, payload_type
         from runs where id = $1`,
        [id],
      );
      return found;
    };
    const deploy = async (changed: object) => {
      const tasks = manifest.tasks.map((each) => (each.id === "a" ? { ...each, ...changed } : each));
      const id = newId("deployment");
      const next = BundleManifest.parse({ ...manifest, tasks });
      const made = { id, environmentId, shortCode: "b", bundleHash, manifest: next, externalId: null };
      await createDeployment(t.db, made);
      const content = resolveManifest(next);
      await finaliseDeployment(t.db, { id, environmentId, ...content });
      await promoteDeployment(t.db, { id, environmentId, ...content, schedules: [] });
    };
    return { trigger, replay, row, deploy };
  };

  test.each<TriggerOptions>([
    {},
    { gates: [{ queue: "gate" }, { queue: "named", concurrencyKey: "k" }] },
    { concurrency: ["one", "two"] },
    { concurrency: [] },
    { queue: { name: "named" }, concurrencyKey: "k" },
    { maxAttempts: 7 },
    { maxDuration: 600 },
    { ttl: "10m" },
    { priority: 30 },
    { machine: "micro" },
    { tags: ["x", "y"], metadata: { a: 1 }, test: true },
    { region: "eu", labels: { gpu: "a100" } },
  ])("a run that was triggered with %j is asked for so again", async (options) => {
    const p = await place();
    const id = await p.trigger(options);
    expect(await p.row(await p.replay(id))).toEqual(await p.row(id));
    const next = { retry: { maxAttempts: 5 }, machine: "large-1x", maxDuration: 90, ttl: "2h" };
    // As a claim would have it.
    await t.query("update runs set deployment_id = (select max(id) from deployments) where id = $1", [id]);
    await p.deploy(next);
    // What the trigger did not ask for is the task's, in the version that the replay runs with.
    const later = await p.row(await p.replay(id));
    expect(later).toEqual(await p.row(await p.trigger(options)));
  });

  test("what the caller puts in place holds over what the run was asked with", async () => {
    const p = await place();
    const id = await p.trigger({ maxAttempts: 7, maxDuration: 600, ttl: "10m", priority: 30 });
    const again = await p.row(await p.replay(id, { maxAttempts: 2, maxDuration: 30, ttl: 60, priority: 0 }));
    expect(again).toMatchObject({ max_duration_s: 30, ttl_ms: 60_000, priority: 0 });
    expect(again?.retry).toMatchObject({ maxAttempts: 2 });
  });
});
