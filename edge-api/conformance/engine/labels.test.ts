import { readSituation } from "@longshore/edge-api/db/queries/read-run-history";
import { readScale } from "@longshore/edge-api/db/queries/read-scale";
import { claimRuns } from "@longshore/edge-api/db/transitions/claim-runs";
import { promoteDueRuns } from "@longshore/edge-api/db/transitions/promote-due-runs";
import { releaseRuns } from "@longshore/edge-api/db/transitions/release-runs";
import { explain } from "@longshore/edge-api/domain/explain";
import { releasePending } from "@longshore/edge-api/services/release-pending";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { depsOf } from "./deps-of.ts";
import { type TaskSpec, type TestDatabase, testDrivers } from "./fixture.ts";
import { placeRuns } from "./place-runs.ts";

describe.each(testDrivers)("labels of runs on $name", ({ open }) => {
  let t: TestDatabase;
  beforeAll(async () => {
    t = await open();
  }, 60_000);
  afterAll(() => t?.close());

  const place = (tasks?: TaskSpec[], agents?: number) => placeRuns(t, tasks, agents);

  test("an agent takes what asks for some of its labels, in its region and in none", async () => {
    const p = await place();
    const [gpu, both, both2, here, there] = [
      await p.trigger({ labels: { gpu: "a100" } }),
      await p.trigger({ labels: { gpu: "a100", disk: "ssd" } }),
      await p.trigger({ labels: { disk: "ssd", gpu: "a100" } }),
      await p.trigger({ labels: { gpu: "a100" }, region: "here" }),
      await p.trigger({ labels: { gpu: "a100" }, region: "there" }),
    ];
    const lanes = await t.query("select id from lanes where environment_id = $1 and region like '%disk%'", [
      p.environmentId,
    ]);
    expect(lanes).toHaveLength(1);
    const first = await p.claim({ labels: { gpu: "a100", name: "x" } });
    expect(first.map(({ runId }) => runId)).toEqual([gpu]);
    const most = await p.claim({ labels: { gpu: "a100", disk: "ssd" }, region: "here", held: first });
    expect(most.map(({ runId }) => runId).sort()).toEqual([both, both2, here].sort());
    const held = [...first, ...most];
    expect(await p.claim({ labels: { gpu: "A100" }, region: "there", held })).toEqual([]);
    expect(await p.ids({ labels: { gpu: "a100" }, region: "there", held })).toEqual([there]);
    await p.holds();
  });

  test("a run asks for its task's labels, and in their place for the trigger's of that name", async () => {
    const p = await place([{ id: "a", labels: { gpu: "a100", disk: "ssd" } }, { id: "b" }]);
    const asTask = await p.trigger();
    const over = await p.trigger({ labels: { gpu: "h100" } });
    expect(await p.claim({ labels: { gpu: "h100" } })).toEqual([]);
    const first = await p.claim({ labels: { gpu: "h100", disk: "ssd" } });
    expect(first.map(({ runId }) => runId)).toEqual([over]);
    expect(await p.ids({ labels: { gpu: "a100", disk: "ssd" }, held: first })).toEqual([asTask]);
    const kept = await t.query("select labels from runs where id = any($1) order by id", [[asTask, over]]);
    expect(kept.map(({ labels }) => labels)).toEqual([
      { gpu: "a100", disk: "ssd" },
      { gpu: "h100", disk: "ssd" },
    ]);
  });

  test("a run that waited for its deployment asks for the labels of the task that came with it", async () => {
    const p = await place([{ id: "a", labels: { disk: "ssd" } }]);
    await t.query("update environments set current_deployment_id = null where id = $1", [p.environmentId]);
    const id = await p.trigger({ labels: { gpu: "a100" }, region: "here" });
    await t.query("update environments set current_deployment_id = $2 where id = $1", [
      p.environmentId,
      p.deploymentId,
    ]);
    await releasePending(depsOf(t.db), p.environmentId);
    expect(await p.ids({ labels: { gpu: "a100" }, region: "here" })).toEqual([]);
    expect(await p.ids({ labels: { gpu: "a100", disk: "ssd" }, region: "here" })).toEqual([id]);
    await p.holds();
  });

  test("an attempt after the first goes where the first went", async () => {
    const p = await place([{ id: "a", retry: { maxAttempts: 2, minTimeoutInMs: 0, maxTimeoutInMs: 0 } }]);
    const id = await p.trigger({ labels: { gpu: "a100" } });
    const [agent] = p.agentIds;
    const leases = await p.claim({ labels: { gpu: "a100" } });
    await releaseRuns(
      t.db,
      agent ?? "",
      leases.map((lease) => ({ ...lease, reason: "image missing", retryable: true })),
    );
    await t.advance(600_000);
    await promoteDueRuns(t.db);
    expect(await p.ids({ labels: { gpu: "h100" } })).toEqual([]);
    expect(await p.ids({ labels: { gpu: "a100" } })).toEqual([id]);
  });

  test("a run says which labels no agent has, and the scale hint counts it for those that have all", async () => {
    const p = await place([{ id: "a" }], 2);
    const id = await p.trigger({ labels: { gpu: "a100", disk: "ssd" } });
    const told = async () => {
      const facts = await readSituation(t.db, id, { onlineMs: 60_000, silentMs: 35_000, beatsMs: 10_000 });
      const { code, details } = explain({
        ...facts,
        ...{ state: "queued" as const, attempt: 0, isCanceling: false, reason: null },
      });
      return [code, details.missing];
    };
    const poll = (labels: Record<string, string>, nth = 0) =>
      claimRuns(t.db, { ...p.request({ labels, free: 0, nth }), slots: 10 });
    const hint = () => readScale(t.db, { environmentId: p.environmentId, onlineMs: 60_000, queuedMax: 100 });
    expect(await told()).toEqual(["no_agent_with_labels", ["disk", "gpu"]]);
    await poll({ disk: "ssd" });
    expect(await told()).toEqual(["no_agent_with_labels", ["gpu"]]);
    await poll({ gpu: "a100" }, 1);
    expect(await told()).toEqual(["no_agent_with_labels", []]);
    const labels = { gpu: "a100", disk: "ssd" };
    expect(await hint()).toMatchObject({
      queued: 1,
      regions: [{ region: null, slots: 20, queued: 0 }],
      labelled: [{ region: null, labels, slots: 0, free: 0, queued: 1, cpus: 0.5 }],
    });
    await poll({ gpu: "a100", disk: "ssd" }, 1);
    expect(await told()).toEqual(["next", undefined]);
    expect(await hint()).toMatchObject({ labelled: [{ labels, slots: 10, free: 10, queued: 1 }] });
  });

  test("a place is written down under the label that is rarest in its pool", async () => {
    const p = await place();
    for (const tenant of ["1", "2", "3"]) await p.trigger({ labels: { gpu: "a100", tenant } });
    const kept = await t.query("select label from lane_places where pool_id = $1 order by place", [p.poolId]);
    expect(kept.map(({ label }) => label)).toEqual(["gpu=a100", "tenant=2", "tenant=3"]);
    expect(await p.ids({ labels: { gpu: "a100", tenant: "1" } })).toHaveLength(1);
    expect(await p.ids({ labels: { gpu: "a100", tenant: "3" } })).toHaveLength(2);
  });
});
