import { randomUUID } from "node:crypto";
import { runs, tasks } from "official-trigger-sdk";
import { expect } from "vitest";
import { collect, type Scene } from "../scene.ts";

const quick = { pollIntervalMs: 100 };

/** Section 4.4. */
export const bulkCases = ({ prove }: Scene): void => {
  const three = async (tag: string) => {
    const handles = await Promise.all([1, 2, 3].map((n) => tasks.trigger("hello", { n }, { tags: tag })));
    return handles.map(({ id }) => id);
  };

  prove(
    ["runs.bulk.cancel", "runs.bulk.poll", "runs.bulk.retrieve", "runs.bulk.list"],
    "cancels what a filter finds",
    async () => {
      const tag = randomUUID();
      const ids = await three(tag);
      const { id } = await runs.bulk.cancel({ filter: { tag }, name: "clean up" });
      const done = await runs.bulk.poll(id, quick);
      expect(done).toMatchObject({
        ...{ id, name: "clean up", type: "CANCEL", status: "COMPLETED" },
        counts: { total: 3, success: 3, failure: 0 },
      });
      expect(await runs.bulk.retrieve(id)).toEqual(done);
      expect((await collect(runs.bulk.list({ limit: 1 }), 5)).map((each) => each.id)).toContain(id);
      for (const run of ids) expect((await runs.retrieve(run)).status).toBe("CANCELED");
    },
  );

  prove(["runs.bulk.replay", "runs.bulk.abort"], "replays by ids; an abort ends what is left", async () => {
    const tag = randomUUID();
    const ids = await three(tag);
    const { id } = await runs.bulk.replay({ runIds: ids });
    expect(await runs.bulk.poll(id, quick)).toMatchObject({ type: "REPLAY", counts: { success: 3 } });
    expect(await collect(runs.list({ bulkAction: id }))).toHaveLength(3);
    const cancel = await runs.bulk.cancel({ filter: { tag } });
    expect(await runs.bulk.abort(cancel.id)).toEqual({ id: cancel.id });
    expect(["ABORTED", "COMPLETED"]).toContain((await runs.bulk.retrieve(cancel.id)).status);
    for (const run of await collect(runs.list({ tag }))) await runs.cancel(run.id);
  });
};
