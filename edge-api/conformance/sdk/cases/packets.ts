import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { nouns } from "../nouns.ts";
import { asTask, runsWithTag, type Scene } from "../scene.ts";

const { tasks, runs, batch } = nouns;

/** Payloads and outputs that are too large to travel in their requests. */
export const packetCases = (scene: Scene): void => {
  const { hands } = scene;
  const large = (n: number) => ({ n, text: "ö".repeat(80_000), at: new Date(n) });

  test("a large payload is stored apart and read back", async () => {
    const handle = await tasks.trigger("hello", large(1));
    const lease = await hands().take(handle.id);
    expect(lease.payloadType).toBe("application/store");
    const plain = await runs.retrieve(handle, { fetchesPackets: false });
    expect(plain.payloadPresignedUrl).toContain("/api/v1/stored-packets/");
    expect((await runs.retrieve(handle)).payload).toEqual(large(1));
    await runs.cancel(handle);
    const text = await tasks.trigger("hello", "x".repeat(200_000), { delay: "1h" });
    expect((await runs.retrieve(text)).payload).toHaveLength(200_000);
    await runs.cancel(text);
  });

  test("so are those of a batch", async () => {
    const { batchId } = await batch.trigger([1, 2].map((n) => ({ id: "hello", payload: large(n) })));
    const { runs: ids } = await batch.retrieve(batchId);
    expect((await runs.retrieve(ids[1] ?? "")).payload).toEqual(large(2));
    for (const id of ids) await runs.cancel(id);
  });

  test("a large output reaches the parent that waits, and whoever polls", async () => {
    const parent = await tasks.trigger("hello", {});
    const tag = randomUUID();
    const waiting = asTask(scene, parent.id, () =>
      tasks.triggerAndWait("hello", large(3), { tags: tag }).unwrap(),
    );
    const [id = ""] = await runsWithTag(scene, tag, 1);
    const output = { text: "y".repeat(700_000) };
    await hands().finish(id, output);
    expect(await waiting).toEqual(output);
    const run = await runs.poll(id, { pollIntervalMs: 20 });
    expect(run).toMatchObject({ status: "COMPLETED", output });
    expect(await runs.result(id)).toMatchObject({ ok: true, output });
  });
};
