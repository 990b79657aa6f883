import { randomUUID } from "node:crypto";
import { isBatchTriggerError, SubtaskUnwrapError, task } from "@longshore/sdk";
import { taskHandle } from "@longshore/sdk/task-handle";
import { expect, test } from "vitest";
import { nouns } from "../nouns.ts";
import { asTask, runsWithTag, type Scene } from "../scene.ts";

const { batch, tasks, runs } = nouns;

/** Batches, from outside and inside a task. */
export const batchCases = (scene: Scene): void => {
  const { hands } = scene;
  const hello = task({ id: "hello", run: async (payload: { n: number }) => payload.n });
  const other = task({ id: "other", run: async (payload: string) => payload });
  const cancelAll = async (batchId: string) => {
    for (const id of (await batch.retrieve(batchId)).runs) await runs.cancel(id);
  };
  const payloadsOf = async (batchId: string) => {
    const { runs: ids } = await batch.retrieve(batchId);
    return Promise.all(ids.map(async (id) => (await runs.retrieve(id)).payload));
  };

  test("a task's own batch, from a list and from an iterable", async () => {
    const handle = await hello.batchTrigger([
      { payload: { n: 0 }, options: { tags: "first" } },
      { payload: { n: 1 } },
    ]);
    expect(handle).toMatchObject({ runCount: 2, isCached: false });
    expect(handle.publicAccessToken.split(".")).toHaveLength(3);
    expect(await payloadsOf(handle.batchId)).toEqual([{ n: 0 }, { n: 1 }]);
    expect((await batch.retrieve(handle.batchId)).createdAt).toBeInstanceOf(Date);
    const again = await tasks.batchTrigger<typeof hello>("hello", new Set([{ payload: { n: 2 } }]));
    expect(await payloadsOf(again.batchId)).toEqual([{ n: 2 }]);
    for (const { batchId } of [handle, again]) await cancelAll(batchId);
  });

  test("several tasks, from an async iterable and a ReadableStream", async () => {
    async function* items() {
      for (let n = 0; n < 30; n++) yield { id: "hello" as const, payload: { n } };
    }
    const streamed = await batch.trigger<typeof hello>(items());
    expect(streamed.runCount).toBe(30);
    expect(await payloadsOf(streamed.batchId)).toEqual(Array.from({ length: 30 }, (_, n) => ({ n })));
    const stream = new ReadableStream({
      start(controller) {
        controller.enqueue({ task: other, payload: "a" });
        controller.close();
      },
    });
    const byTask = await batch.triggerByTask(stream);
    expect(await payloadsOf(byTask.batchId)).toEqual(["a"]);
    for (const { batchId } of [streamed, byTask]) await cancelAll(batchId);
  });

  test("items that are more than one request takes arrive whole", async () => {
    const text = "x".repeat(120_000);
    const handle = await batch.triggerByTask(
      Array.from({ length: 40 }, () => ({ task: other, payload: text })),
    );
    const made = await batch.retrieve(handle.batchId);
    expect(made.runs).toHaveLength(40);
    expect(made.processing.errors).toEqual([]);
    await cancelAll(handle.batchId);
  });

  test("one key makes the batch and each of its items once", async () => {
    const idempotencyKey = randomUUID();
    const items = [{ payload: { n: 0 } }, { payload: { n: 1 } }];
    const first = await hello.batchTrigger(items, { idempotencyKey });
    const again = await hello.batchTrigger(items, { idempotencyKey });
    expect(again).toMatchObject({
      batchId: first.batchId,
      isCached: true,
      idempotencyKey: first.idempotencyKey,
    });
    await cancelAll(first.batchId);
  });

  test("results come back in the order of the items, whatever becomes of them", async () => {
    const parent = await tasks.trigger("hello", {});
    const tag = randomUUID();
    const waiting = asTask(scene, parent.id, () =>
      batch.triggerByTaskAndWait([
        { task: hello, payload: { n: 1 }, options: { tags: `${tag}-1` } },
        { task: other, payload: "b", options: { tags: `${tag}-2` } },
        { task: taskHandle<"nowhere", string, string>("nowhere"), payload: "c" },
      ]),
    );
    const [first = ""] = await runsWithTag(scene, `${tag}-1`, 1);
    const [second = ""] = await runsWithTag(scene, `${tag}-2`, 1);
    await hands().fail(await hands().start(second), "broken");
    await hands().finish(first, 1);
    const { id, runs: results } = await waiting;
    expect((await batch.retrieve(id)).runs).toEqual(expect.arrayContaining([first, second]));
    expect(results).toEqual([
      { ok: true, id: first, taskIdentifier: "hello", output: 1 },
      {
        ok: false,
        id: second,
        taskIdentifier: "other",
        error: expect.objectContaining({ message: "broken" }),
      },
      { ok: false, id: expect.any(String), taskIdentifier: "nowhere", error: expect.any(Error) },
    ]);
  });

  test("unwrap gives the outputs, and throws the first failure", async () => {
    const parent = await tasks.trigger("hello", {});
    const [won, lost, whole] = [randomUUID(), randomUUID(), randomUUID()];
    const waiting = asTask(scene, parent.id, async () => {
      const outputs = await batch
        .triggerAndWait<typeof hello | typeof other>([
          { id: "hello", payload: { n: 1 }, options: { tags: won } },
          { id: "other", payload: "b", options: { tags: won } },
        ])
        .unwrap();
      const thrown = await tasks
        .batchTriggerAndWait<typeof other>("other", [{ payload: "x", options: { tags: lost } }])
        .unwrap()
        .catch((error: unknown) => error);
      const results = await hello.batchTriggerAndWait([{ payload: { n: 5 }, options: { tags: whole } }]);
      return { outputs, thrown, results };
    });
    for (const id of await runsWithTag(scene, won, 2)) {
      await hands().finish(id, (await scene.client().runs.retrieve(id)).taskIdentifier);
    }
    const [failing = ""] = await runsWithTag(scene, lost, 1);
    await hands().fail(await hands().start(failing), "broken");
    const [last = ""] = await runsWithTag(scene, whole, 1);
    await hands().finish(last, 5);
    const { outputs, thrown, results } = await waiting;
    expect(outputs).toEqual(["hello", "other"]);
    expect(thrown).toBeInstanceOf(SubtaskUnwrapError);
    expect(thrown).toMatchObject({ taskId: "other", runId: failing, message: "Error in other: broken" });
    expect(results.runs).toEqual([{ ok: true, id: last, taskIdentifier: "hello", output: 5 }]);
  });

  test("a batch that cannot be is refused before anything is sent", async () => {
    await expect(batch.trigger([])).rejects.toThrow("at least one item");
    const many = Array.from({ length: 1_001 }, () => ({ id: "hello", payload: 1 }));
    await expect(batch.trigger(many)).rejects.toThrow("at most 1000 items");
    const checked = taskHandle("hello", {
      parsePayload: () => Promise.reject(new TypeError("no such payload")),
    });
    await expect(batch.triggerByTask([{ task: checked, payload: 1 }])).rejects.toThrow("no such payload");
    await expect(hello.batchTriggerAndWait([{ payload: { n: 1 } }])).rejects.toThrow("inside a task");
  });

  test("an error says which step failed", async () => {
    const denied = { clientConfig: { accessToken: "tr_dev_wrong" }, retry: { maxAttempts: 1 } };
    const error = await batch
      .trigger([{ id: "hello", payload: 1 }], {}, denied)
      .catch((reason: unknown) => reason);
    expect(isBatchTriggerError(error)).toBe(true);
    expect(error).toMatchObject({
      phase: "create",
      itemCount: 1,
      isRateLimited: false,
      apiError: { status: 401 },
    });
  });
};
