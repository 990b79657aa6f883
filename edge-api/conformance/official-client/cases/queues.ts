import { concurrencyLimits, queues, runs, tasks } from "official-trigger-sdk";
import { expect } from "vitest";
import { apiClient, collect, type Scene } from "../scene.ts";

/** Section 4.7. */
export const queueCases = (scene: Scene): void => {
  const { prove, hands } = scene;
  const narrow = { type: "custom", name: "narrow/queue" } as const;

  prove(["queues.list", "queues.retrieve"], "by pages, by name, by task and by id", async () => {
    const { id } = await tasks.trigger("folder/task", {});
    const listed = await collect(queues.list({ perPage: 2 }));
    expect(listed.map(({ name }) => name)).toEqual(expect.arrayContaining(["narrow/queue", "held"]));
    const found = await queues.retrieve(narrow);
    expect(found).toMatchObject({ ...narrow, paused: false, running: 0 });
    expect(found.concurrencyLimit).toBe(2);
    expect(found.concurrency).toMatchObject({ base: 2, current: 2, override: null });
    expect(await queues.retrieve(found.id)).toEqual(found);
    expect(await queues.retrieve({ type: "task", name: "folder/task" })).toMatchObject({ type: "task" });
    await runs.cancel(id);
  });

  prove(["queues.pause", "queues.resume"], "a paused queue starts nothing", async () => {
    expect((await queues.pause(narrow)).paused).toBe(true);
    const { id } = await tasks.trigger("narrow", {});
    expect(await hands().offered([id])).toEqual([]);
    expect((await queues.resume(narrow)).paused).toBe(false);
    await hands().finish(id);
  });

  prove(
    ["queues.overrideConcurrencyLimit", "queues.resetConcurrencyLimit"],
    "a limit is changed live, and given back",
    async () => {
      expect((await queues.overrideConcurrencyLimit(narrow, 1)).concurrencyLimit).toBe(1);
      const ids = await Promise.all([1, 2].map(async () => (await tasks.trigger("narrow", {})).id));
      const first = await hands().offered(ids);
      expect(first).toHaveLength(1);
      const reset = await queues.resetConcurrencyLimit(narrow);
      expect(reset.concurrency).toMatchObject({ base: 2, current: 2, override: null });
      for (const id of ids) await hands().finish(id);
    },
  );

  prove(
    [
      "concurrencyLimits.list",
      "concurrencyLimits.retrieve",
      "concurrencyLimits.override",
      "concurrencyLimits.reset",
      "concurrencyLimits.pause",
      "concurrencyLimits.resume",
    ],
    "a named limit as a whole",
    async () => {
      expect((await collect(concurrencyLimits.list({ perPage: 1 }))).map(({ name }) => name)).toContain(
        "shared-api",
      );
      const found = await concurrencyLimits.retrieve("shared-api");
      expect(found).toMatchObject({ perKey: { current: 2, base: 2 }, total: { current: 5, base: 5 } });
      expect(await concurrencyLimits.override("shared-api", { total: 7 })).toMatchObject({
        total: { current: 7, base: 5, override: 7 },
      });
      expect(await concurrencyLimits.reset("shared-api")).toMatchObject({ total: { current: 5 } });
      expect((await concurrencyLimits.pause("shared-api")).paused).toBe(true);
      const { id } = await tasks.trigger("limited", {}, { concurrencyKey: "k" });
      expect(await hands().offered([id])).toEqual([]);
      expect((await concurrencyLimits.resume("shared-api")).paused).toBe(false);
      await hands().finish(id);
    },
  );

  prove(
    ["concurrencyLimits.retrieve (key)", "concurrencyLimits.override (key)", "concurrencyLimits.reset (key)"],
    "a named limit for one key",
    async () => {
      const key = { concurrencyKey: "user:1" };
      const { id } = await tasks.trigger("limited", {}, key);
      expect(await concurrencyLimits.retrieve("shared-api", key)).toMatchObject({
        ...{ name: "shared-api", ...key, perKey: { current: 2, override: null } },
      });
      const changed = await concurrencyLimits.override("shared-api", { ...key, perKey: 4, ttl: "1h" });
      expect(changed).toMatchObject({ perKey: { current: 4, override: 4 } });
      expect(await concurrencyLimits.reset("shared-api", key)).toMatchObject({ perKey: { current: 2 } });
      await hands().finish(id);
      expect((await apiClient(scene).retrieveConcurrencyLimit("shared-api")).running).toBe(0);
    },
  );
};
