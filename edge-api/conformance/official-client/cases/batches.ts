import { batch, runs, task, tasks } from "official-trigger-sdk";
import { expect } from "vitest";
import { call, until } from "../../http/client.ts";
import { apiClient, type Scene } from "../scene.ts";

type Row = { id: string; isCached?: boolean; taskIdentifier?: string };

/** Section 4.2: two-phase and legacy. */
export const batchCases = (scene: Scene): void => {
  const { prove, hands, platform } = scene;
  const hello = task({ id: "hello", run: async (payload: { n: number }) => payload.n });
  const payloadsOf = async (batchId: string) => {
    const { runs: ids } = await batch.retrieve(batchId);
    return Promise.all(ids.map(async (id) => (await runs.retrieve(id)).payload));
  };
  const finishAll = async (batchId: string) => {
    for (const id of (await batch.retrieve(batchId)).runs) await hands().finish(id);
  };

  prove(["tasks.batchTrigger", "batch.retrieve"], "items run in order, and the batch ends", async () => {
    const handle = await tasks.batchTrigger("hello", [
      { payload: { n: 0 }, options: { tags: "first" } },
      { payload: { n: 1 } },
    ]);
    expect(handle).toMatchObject({ runCount: 2, publicAccessToken: expect.any(String) });
    expect(await payloadsOf(handle.batchId)).toEqual([{ n: 0 }, { n: 1 }]);
    await finishAll(handle.batchId);
    const done = await until(
      () => batch.retrieve(handle.batchId),
      ({ status }) => status === "COMPLETED",
    );
    expect(done).toMatchObject({ runCount: 2, processing: { errors: [] } });
  });

  prove(["task.batchTrigger"], "a declared task, with an idempotency key for the batch", async () => {
    const items = [{ payload: { n: 0 } }, { payload: { n: 1 } }];
    const idempotencyKey = crypto.randomUUID();
    const first = await hello.batchTrigger(items, { idempotencyKey });
    const again = await hello.batchTrigger(items, { idempotencyKey });
    expect(again.batchId).toBe(first.batchId);
    await finishAll(first.batchId);
  });

  prove(["batch.trigger"], "several tasks in one batch", async () => {
    const handle = await batch.trigger([
      { id: "hello", payload: { n: 0 } },
      { id: "folder/task", payload: { n: 1 } },
    ]);
    const { runs: ids } = await batch.retrieve(handle.batchId);
    const names = await Promise.all(ids.map(async (id) => (await runs.retrieve(id)).taskIdentifier));
    expect(names).toEqual(["hello", "folder/task"]);
    await finishAll(handle.batchId);
  });

  prove(["batch.trigger (stream)"], "items from an async iterator", async () => {
    async function* items() {
      for (let n = 0; n < 30; n++) yield { id: "hello", payload: { n } };
    }
    const handle = await batch.trigger(items());
    expect(handle.runCount).toBe(30);
    expect(await payloadsOf(handle.batchId)).toEqual(Array.from({ length: 30 }, (_, n) => ({ n })));
    for (const id of (await batch.retrieve(handle.batchId)).runs) await runs.cancel(id);
  });

  prove(["batch.triggerByTask"], "items by their tasks", async () => {
    const handle = await batch.triggerByTask([{ task: hello, payload: { n: 7 } }]);
    expect(await payloadsOf(handle.batchId)).toEqual([{ n: 7 }]);
    await finishAll(handle.batchId);
  });

  prove(
    [
      "batch.triggerAndWait (as run)",
      "apiClient.createBatch",
      "apiClient.streamBatchItems",
      "apiClient.getBatchResults",
    ],
    "mixed results come back in order, to the parent and to whoever asks",
    async () => {
      const parent = await hands().start((await tasks.trigger("hello", {})).id);
      const api = apiClient(scene, parent.runToken);
      const { id } = await api.createBatch({
        ...{ runCount: 4, parentRunId: parent.runId, resumeParentOnCompletion: true },
      });
      const names = ["hello", "other", "nowhere", "hello"];
      const items = names.map((name, index) => ({ index, task: name, payload: `{"index":${index}}` }));
      expect(await api.streamBatchItems(id, items)).toMatchObject({ itemsAccepted: 4, sealed: true });
      await hands().wait(parent, [{ kind: "batch", batchId: id }]);
      const { runs: ids, processing } = await batch.retrieve(id);
      const leases = [];
      for (const run of [ids[0], ids[1], ids.at(-1)]) leases.push(await hands().start(run ?? ""));
      await hands().complete(leases[2]!, "last");
      await hands().fail(leases[1]!, "broken");
      await hands().complete(leases[0]!, "first");
      const continued = await hands().take(parent.runId);
      const inOrder = [{ ok: true }, { ok: false }, { ok: false }, { ok: true }];
      expect(continued.waits).toMatchObject([{ kind: "batch", batchId: id, items: inOrder }]);
      await hands().complete(continued);
      const results = await apiClient(scene).getBatchResults(id);
      expect(results?.items).toMatchObject([
        { ok: true, output: '"first"', taskIdentifier: "hello" },
        { ok: false, error: { type: "BUILT_IN_ERROR", message: "broken" } },
        { ok: false },
        { ok: true, output: '"last"' },
      ]);
      expect(processing).toBeDefined();
    },
  );

  prove(["apiClient.batchTriggerV3"], "the batch of SDKs before the two phases", async () => {
    const api = apiClient(scene);
    const made = await api.batchTriggerV3({
      items: [
        { task: "hello", payload: '{"n":0}', options: { payloadType: "application/json" } },
        { task: "other", payload: '{"n":1}', options: { payloadType: "application/json" } },
      ],
    });
    expect(made.publicAccessToken.split(".")).toHaveLength(3);
    expect(await payloadsOf(made.id)).toEqual([{ n: 0 }, { n: 1 }]);
    await finishAll(made.id);
  });

  prove(
    [
      "POST /api/v1/tasks/batch (fetch)",
      "POST /api/v1/tasks/:id/batch (fetch)",
      "GET /api/v1/batches/:id (fetch)",
    ],
    "the batches of still older SDKs",
    async () => {
      const send = (method: string, path: string, json?: object) =>
        call(platform(), method, path, {
          token: platform().apiKey,
          headers: { "x-trigger-api-version": "" },
          ...(json === undefined ? {} : { json }),
        });
      const whole = await send("POST", "/api/v1/tasks/batch", { items: [{ task: "hello", payload: {} }] });
      const { id, runs: rows } = whole.json as { id: string; runs: Row[] };
      expect(rows).toMatchObject([{ taskIdentifier: "hello", isCached: false }]);
      const seen = (await send("GET", `/api/v1/batches/${id}`)).json;
      expect(seen).toMatchObject({ id, runCount: 1, runs: [rows[0]?.id] });
      expect(seen).not.toHaveProperty("processing");
      const one = await send("POST", "/api/v1/tasks/hello/batch", { items: [{ payload: { n: 1 } }] });
      const { batchId } = one.json as { batchId: string };
      await finishAll(batchId);
      await finishAll(id);
    },
  );
};
