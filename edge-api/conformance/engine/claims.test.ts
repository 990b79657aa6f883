import { claimRuns } from "@longshore/edge-api/db/transitions/claim-runs";
import { endAttempts } from "@longshore/edge-api/db/transitions/end-attempts";
import { settleLanes } from "@longshore/edge-api/db/transitions/settle-lanes";
import { startRuns } from "@longshore/edge-api/db/transitions/start-runs";
import { newId } from "@longshore/shared/core/ids";
import { expect, test } from "vitest";
import { describeMoves } from "./describe-moves.ts";
import { claimRequest } from "./fixture.ts";

describeMoves("claims", (t, place) => {
  test("a lease is repeated until the agent shows that it holds it", async () => {
    const p = await place([{ id: "a" }]);
    const id = await p.trigger("a");
    await p.claim(1);
    expect((await p.claim(0)).leases).toMatchObject([{ runId: id, epoch: 1 }]);
    expect((await p.claim(0, p.agent, { held: [{ runId: id, epoch: 1 }] })).leases).toEqual([]);
    expect((await p.claim(0)).leases).toEqual([]);
  });

  test("a queue's limit holds for each concurrency key apart", async () => {
    const p = await place([{ id: "a", queue: { name: "q", concurrencyLimit: 2 } }]);
    for (let i = 0; i < 4; i++) {
      await p.trigger("a", { concurrencyKey: "x" });
      await p.trigger("a", { concurrencyKey: "y" });
    }
    const { leases } = await p.claim(100);
    expect(leases).toHaveLength(4);
    const first = leases[0]?.runId ?? "";
    await startRuns(t.db, p.agent, [{ runId: first, epoch: 1 }]);
    await endAttempts(t.db, p.agent, [p.end(first, 1)]);
    expect((await p.claim(100, p.agent, { held: leases })).leases).toHaveLength(1);
  });

  test("an environment's limit holds over all its queues", async () => {
    const p = await place([{ id: "a" }, { id: "b" }], 2, 3);
    for (let i = 0; i < 3; i++) {
      await p.trigger("a");
      await p.trigger("b");
    }
    expect((await p.claim(10)).leases).toHaveLength(3);
    expect((await p.claim(10, p.agentIds[1])).leases).toHaveLength(0);
  });

  test("each lease of one claim tells its own queue, file and version", async () => {
    const p = await place([{ id: "a" }, { id: "b", queue: { name: "slow" } }]);
    const older = newId("deployment");
    await t.query(
      `insert into deployments (id, environment_id, version, short_code, status, bundle_hash, manifest)
       select $1, environment_id, 'older', 'old', status, bundle_hash, manifest || '{"entry":"older.mjs"}' from deployments where id = $2`,
      [older, p.deploymentId],
    );
    await t.query(
      `insert into tasks (environment_id, deployment_id, slug, file_path, queue_name, retry, machine)
       select environment_id, $1, slug, 'older.ts', queue_name, retry, machine from tasks where deployment_id = $2`,
      [older, p.deploymentId],
    );
    await t.query("update tasks set file_path = slug || '.ts' where deployment_id = $1", [p.deploymentId]);
    const [a, b, pinned] = [
      await p.trigger("a"),
      await p.trigger("b"),
      await p.trigger("a", { lockVersion: "older" }),
    ];
    const { leases } = await p.claim(5);
    const told = leases.map(({ runId, queue, filePath, deployment, environment }) => [
      runId,
      [queue.name, filePath, deployment?.entry, environment.id],
    ]);
    expect(Object.fromEntries(told)).toEqual({
      [a]: ["task/a", "a.ts", "index.mjs", p.environmentId],
      [b]: ["slow", "b.ts", "index.mjs", p.environmentId],
      [pinned]: ["task/a", "older.ts", "older.mjs", p.environmentId],
    });
  });

  test("a lane that gave several runs at once stays open until a claim finds it empty, one that gave its only run does not", async () => {
    const p = await place([{ id: "a" }]);
    const isOpen = async () =>
      (await t.query("select has_work from lanes where environment_id = $1", [p.environmentId]))[0]?.has_work;
    await p.trigger("a");
    await p.trigger("a");
    expect(await p.claim(5)).toMatchObject({ emptied: [], more: false, leases: [{}, {}] });
    expect(await isOpen()).toBe(true);
    expect(await p.claim(5)).toMatchObject({ emptied: [expect.any(String)], more: false });
    expect(await isOpen()).toBe(false);
    await p.trigger("a");
    expect(await p.claim(5)).toMatchObject({ emptied: [expect.any(String)], more: false });
    expect(await isOpen()).toBe(false);
  });

  test("a busy queue does not starve another one", async () => {
    const p = await place([{ id: "a" }, { id: "b" }]);
    for (let i = 0; i < 20; i++) await p.trigger("a");
    const b = await p.trigger("b");
    const { leases } = await p.claim(4);
    expect(leases.map((lease) => lease.runId)).toContain(b);
  });

  test("a higher priority goes before older runs of its queue", async () => {
    const p = await place([{ id: "a" }]);
    await p.trigger("a");
    const urgent = await p.trigger("a", { priority: 10 });
    expect((await p.claim(1)).leases).toMatchObject([{ runId: urgent }]);
  });

  test("a lane closed as empty is reopened when something is in it after all", async () => {
    const p = await place([{ id: "a" }]);
    await p.trigger("a");
    await t.query("update lanes set has_work = false where environment_id = $1", [p.environmentId]);
    expect((await p.claim(1)).leases).toEqual([]);
    expect((await settleLanes(t.db, null)).environmentIds).toContain(p.environmentId);
    expect((await p.claim(1)).leases).toHaveLength(1);
  });

  test("an older boot of the same agent is superseded", async () => {
    const p = await place([{ id: "a" }]);
    await claimRuns(t.db, claimRequest(p.agent, 0, { bootId: "boot_2" }));
    expect(await claimRuns(t.db, claimRequest(p.agent, 0))).toEqual({ kind: "superseded" });
    expect(await claimRuns(t.db, claimRequest("agent_none", 0))).toEqual({ kind: "missing" });
  });
});
