import { createClient, TriggerClient } from "@longshore/sdk";
import { expect, test } from "vitest";
import { nouns } from "../nouns.ts";
import { asTask, type Scene } from "../scene.ts";

const { auth, runs, tasks, batch } = nouns;
const once = { retry: { maxAttempts: 1 } };

/** Tokens, scopes of configuration, clients. */
export const tokenCases = (scene: Scene): void => {
  const { platform } = scene;
  const clientWith = (accessToken: string) => createClient({ baseURL: platform().url, accessToken });

  test("a public token does what its scopes say and no more", async () => {
    const mine = await tasks.trigger("hello", {}, { delay: "1h" });
    const other = await tasks.trigger("hello", {}, { delay: "1h" });
    const token = await auth.createPublicToken({
      scopes: { read: { runs: [mine.id] } },
      expirationTime: "5m",
    });
    expect((await clientWith(token).runs.retrieve(mine)).id).toBe(mine.id);
    await expect(clientWith(token).runs.retrieve(other, once)).rejects.toMatchObject({ status: 403 });
    await expect(auth.createPublicToken()).rejects.toThrow("say what the token may do");
    await expect(auth.createPublicToken({ scopes: { read: { runs: "" } } })).rejects.toThrow("is empty");
    await auth.withPublicToken({ scopes: { read: { runs: mine.id } } }, async () => {
      expect((await runs.retrieve(mine)).id).toBe(mine.id);
      await expect(runs.cancel(mine, once)).rejects.toMatchObject({ status: 403 });
    });
    for (const { id } of [mine, other]) await runs.cancel(id);
  });

  test("a trigger token triggers once, or as often as it says", async () => {
    const single = clientWith(await auth.createTriggerPublicToken("hello"));
    const { id } = await single.tasks.trigger("hello", {});
    await expect(single.tasks.trigger("hello", {}, {}, once)).rejects.toMatchObject({
      name: "TriggerApiError",
    });
    const many = clientWith(await auth.createTriggerPublicToken(["hello", "other"], { multipleUse: true }));
    const more = [await many.tasks.trigger("hello", {}), await many.tasks.trigger("other", {})];
    await expect(many.tasks.trigger("held", {}, {}, once)).rejects.toMatchObject({ status: 403 });
    await auth.withTriggerPublicToken("hello", { multipleUse: true }, async () => {
      more.push(await tasks.trigger("hello", {}));
    });
    for (const run of [id, ...more.map((each) => each.id)]) await runs.cancel(run);
  });

  test("a batch token triggers batches", async () => {
    const token = await auth.createBatchTriggerPublicToken("hello", { multipleUse: true });
    const made = await clientWith(token).batch.trigger([{ id: "hello", payload: 1 }]);
    await auth.withBatchTriggerPublicToken("hello", { multipleUse: true }, async () => {
      const { batchId } = await batch.trigger([{ id: "hello", payload: 2 }]);
      expect(batchId).not.toBe(made.batchId);
    });
  });

  test("withAuth holds for what it calls and for nothing beside it, also inside a task", async () => {
    const { id } = await tasks.trigger("hello", {});
    const elsewhere = { baseURL: platform().url, accessToken: platform().otherKey };
    const [inside, beside] = await asTask(scene, id, () =>
      Promise.all([
        auth.withAuth(elsewhere, async () => {
          await new Promise((resolve) => setTimeout(resolve, 20));
          return tasks.trigger("hello", {}, { delay: "1h" });
        }),
        tasks.trigger("hello", {}, { delay: "1h" }),
      ]),
    );
    const there = new TriggerClient(elsewhere);
    expect((await there.runs.retrieve(inside)).relatedRuns.parent).toBeUndefined();
    expect((await runs.retrieve(beside)).relatedRuns.parent?.id).toBe(id);
    await there.runs.cancel(inside);
    await runs.cancel(beside);
  });

  test("a client inherits the running task only where it is told to", async () => {
    const { id } = await tasks.trigger("hello", {});
    const config = { baseURL: platform().url, accessToken: platform().apiKey };
    const [alone, child] = await asTask(scene, id, () =>
      Promise.all([
        new TriggerClient(config).tasks.trigger("hello", {}, { delay: "1h" }),
        new TriggerClient({ ...config, inheritContext: true }).tasks.trigger("hello", {}, { delay: "1h" }),
      ]),
    );
    expect((await runs.retrieve(alone)).depth).toBe(0);
    expect((await runs.retrieve(child)).relatedRuns.parent?.id).toBe(id);
    for (const run of [alone, child]) await runs.cancel(run);
  });
};
