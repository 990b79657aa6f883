import { randomUUID } from "node:crypto";
import { idempotencyKeys, runs, tasks } from "official-trigger-sdk";
import { expect } from "vitest";
import { createPersonal, signIn } from "../../http/wrong-credentials.ts";
import { apiClient, collect, type Scene } from "../scene.ts";

/** Section 4.3: what became of runs, and what may still be changed. */
export const runCases = (scene: Scene): void => {
  const { prove, hands, platform } = scene;

  prove(["runs.list"], "forwards and backwards by pages, and by every filter", async () => {
    const tag = randomUUID();
    const ids: string[] = [];
    for (let n = 0; n < 5; n++) ids.push((await tasks.trigger("hello", { n }, { tags: [tag, "x"] })).id);
    const newestFirst = [...ids].reverse();
    expect((await collect(runs.list({ tag, limit: 2 }))).map(({ id }) => id)).toEqual(newestFirst);
    const first = await runs.list({ tag, limit: 2 });
    const second = await first.getNextPage();
    expect(second.data.map(({ id }) => id)).toEqual(newestFirst.slice(2, 4));
    expect([first.hasNextPage(), first.hasPreviousPage(), second.hasPreviousPage()]).toEqual([
      ...[true, false, true],
    ]);
    const back = await second.getPreviousPage();
    expect(back.data.map(({ id }) => id)).toEqual(newestFirst.slice(0, 2));
    expect(back.data[0]).toMatchObject({ status: "QUEUED", env: { id: platform().environmentId } });
    const { id } = await tasks.trigger("narrow", {}, { tags: tag, machine: "micro" });
    const { version = "" } = await runs.retrieve(id);
    const found = await runs.list({
      ...{ tag, status: ["QUEUED", "EXECUTING"], taskIdentifier: ["narrow"], isTest: false, period: "1h" },
      ...{ queue: { type: "custom", name: "narrow/queue" }, machine: "micro", version },
      ...{ from: new Date(Date.now() - 60_000), to: new Date(Date.now() + 60_000) },
    });
    expect(found.data.map((run) => run.id)).toEqual([id]);
    expect((await runs.list({ tag, queue: { type: "task", name: "hello" } })).data).toHaveLength(5);
    for (const none of [{ bulkAction: "bulk_none" }, { schedule: "sched_none" }, { batch: "batch_none" }])
      expect((await runs.list({ tag, ...none })).data).toEqual([]);
    await Promise.all([...ids, id].map((each) => runs.cancel(each)));
  });

  prove(["runs.list (project)"], "with a personal token, in all environments or those named", async () => {
    const p = platform();
    const { cookie } = await signIn(p);
    const { token } = await createPersonal(p, cookie);
    const tag = randomUUID();
    const here = await tasks.trigger("hello", {}, { tags: tag });
    const there = await apiClient(scene, p.otherKey).triggerTask("hello", { options: { tags: [tag] } });
    const list = async (query: object) =>
      (await collect(apiClient(scene, token).listProjectRuns(scene.ref(), { tag, ...query }))).map(
        ({ id }) => id,
      );
    expect(await list({ limit: 1 })).toEqual([there.id, here.id]);
    expect(await list({ env: "dev" })).toEqual([here.id]);
    expect(await list({ env: ["staging", "prod"] })).toEqual([there.id]);
    expect((await collect(runs.list(scene.ref(), { tag }))).map(({ id }) => id)).toEqual([here.id]);
    await apiClient(scene, p.otherKey).cancelRun(there.id);
    await runs.cancel(here.id);
  });

  prove(["runs.poll", "apiClient.getRunResult"], "a run's end is seen, whatever it is", async () => {
    const { id } = await tasks.trigger("hello", {});
    expect(await apiClient(scene).getRunResult(id)).toBeUndefined();
    const lease = await hands().start(id);
    expect(await runs.retrieve(id)).toMatchObject({ status: "EXECUTING", isExecuting: true });
    await hands().complete(lease, { answer: 42 });
    const run = await runs.poll(id, { pollIntervalMs: 50 });
    expect(run).toMatchObject({ status: "COMPLETED", output: { answer: 42 }, attemptCount: 1 });
    expect(run.finishedAt).toBeInstanceOf(Date);
    expect(await apiClient(scene).getRunResult(id)).toMatchObject({
      ...{ ok: true, id, output: '{"answer":42}', outputType: "application/json" },
    });
    const failed = await tasks.trigger("hello", {});
    await hands().fail(await hands().start(failed.id), "no");
    expect(await runs.poll(failed.id)).toMatchObject({
      ...{ status: "FAILED", isFailed: true, error: { name: "Error", message: "no" } },
    });
    expect(await apiClient(scene).getRunResult(failed.id)).toMatchObject({ ok: false, id: failed.id });
  });

  prove(["runs.cancel"], "reaches all children, and may be said twice", async () => {
    const parent = await hands().start((await tasks.trigger("hello", {})).id);
    const child = await apiClient(scene, parent.runToken).triggerTask("other", {
      options: { parentRunId: parent.runId },
    });
    await hands().wait(parent, [
      { kind: "time", id: "waitpoint_x", at: new Date(Date.now() + 60_000).toISOString() },
    ]);
    expect(await runs.cancel(parent.runId)).toEqual({ id: parent.runId });
    expect(await runs.cancel(parent.runId)).toEqual({ id: parent.runId });
    expect(await runs.poll(child.id)).toMatchObject({ status: "CANCELED", isCancelled: true });
    const { relatedRuns } = await runs.retrieve(parent.runId);
    expect(relatedRuns.children).toMatchObject([{ id: child.id, status: "CANCELED", depth: 1 }]);
  });

  prove(["runs.replay"], "as it was, or with other options", async () => {
    const { id } = await tasks.trigger("hello", { n: 1 }, { tags: ["old"] });
    await hands().finish(id);
    const same = await runs.replay(id);
    expect(await runs.retrieve(same.id)).toMatchObject({ payload: { n: 1 }, tags: ["old"] });
    const other = await runs.replay(id, {
      ...{ payload: { at: new Date(0) }, tags: ["new"], machine: "micro", delay: "1h", ttl: "2h" },
      ...{ metadata: { again: true }, priority: 1, maxAttempts: 1, idempotencyKey: randomUUID() },
    });
    expect(await runs.retrieve(other.id)).toMatchObject({
      ...{ payload: { at: "1970-01-01T00:00:00.000Z" }, tags: ["new"], status: "DELAYED" },
      metadata: { again: true },
    });
    for (const run of [same.id, other.id]) await runs.cancel(run);
  });

  prove(["runs.reschedule"], "moves a delayed run, and refuses any other", async () => {
    const { id } = await tasks.trigger("hello", {}, { delay: "1h" });
    const at = new Date(Date.now() + 7_200_000);
    expect((await runs.reschedule(id, { delay: at })).delayedUntil?.getTime()).toBe(at.getTime());
    await runs.cancel(id);
    await expect(runs.reschedule(id, { delay: "5m" })).rejects.toMatchObject({ status: 422 });
  });

  prove(
    ["apiClient.addTags", "apiClient.updateRunMetadata", "apiClient.getRunMetadata"],
    "tags and metadata of a run, its parent and its root, as the run itself changes them",
    async () => {
      const parent = await hands().start((await tasks.trigger("hello", {}, { tags: ["a"] })).id);
      const child = await apiClient(scene, parent.runToken).triggerTask("other", {
        options: { parentRunId: parent.runId },
      });
      const { runToken, runId } = await hands().start(child.id);
      const api = apiClient(scene, runToken);
      expect((await api.addTags(runId, { tags: ["b", "c"] })).message).toMatch(/\w/);
      const { metadata } = await api.updateRunMetadata(runId, {
        operations: [
          { type: "set", key: "step", value: 1 },
          { type: "increment", key: "count", value: 2 },
          { type: "append", key: "$.list", value: "x" },
        ],
        parentOperations: [{ type: "set", key: "fromChild", value: true }],
        rootOperations: [{ type: "increment", key: "children", value: 1 }],
      });
      expect(metadata).toMatchObject({ step: 1, count: 2 });
      expect(await apiClient(scene).getRunMetadata(parent.runId)).toEqual({
        metadata: { fromChild: true, children: 1 },
      });
      expect((await api.updateRunMetadata(runId, { metadata: { only: 1 } })).metadata).toEqual({ only: 1 });
      const seen = await runs.retrieve(child.id);
      expect(seen).toMatchObject({ tags: ["b", "c"], metadata: { only: 1 } });
      await runs.cancel(parent.runId);
    },
  );

  prove(
    [
      "apiClient.listRunEvents",
      "apiClient.retrieveRunTrace",
      "apiClient.retrieveRunTracePage",
      "apiClient.retrieveSpan",
    ],
    "what a run did, as events and as spans",
    async () => {
      const { id } = await tasks.trigger("hello", {});
      await hands().finish(id);
      const api = apiClient(scene);
      expect(await api.listRunEvents(id)).toBeTruthy();
      const { trace } = await api.retrieveRunTrace(id);
      expect(trace.rootSpan).toMatchObject({ runId: id, data: { isError: false, isPartial: false } });
      const page = await api.retrieveRunTracePage(id, { limit: 1 });
      expect(page.data).toHaveLength(1);
      expect(await api.retrieveSpan(id, trace.rootSpan.id)).toMatchObject({ runId: id });
    },
  );

  prove(["idempotencyKeys.create", "idempotencyKeys.reset"], "a key is held, and let go", async () => {
    const key = await idempotencyKeys.create([randomUUID(), "b"], { scope: "global" });
    const options = { idempotencyKey: key, idempotencyKeyTTL: "1h" };
    const first = await tasks.trigger("hello", {}, options);
    expect((await tasks.trigger("hello", {}, options)).id).toBe(first.id);
    expect(await idempotencyKeys.reset("hello", key)).toMatchObject({ id: expect.any(String) });
    const second = await tasks.trigger("hello", {}, options);
    expect(second.id).not.toBe(first.id);
    const none = idempotencyKeys.reset(
      "hello",
      "nobody's",
      { scope: "global" },
      { retry: { maxAttempts: 1 } },
    );
    await expect(none).rejects.toMatchObject({ status: 404 });
    await runs.cancel(first.id);
    await runs.cancel(second.id);
  });
};
