import { AbortTaskRunError, batch, idempotencyKeys, logger, runs, task, tasks } from "@trigger.dev/sdk";
import type { legacy } from "./legacy";

type Item = { sku: string; count: number };

export const price = task({
  id: "price",
  retry: { maxAttempts: 2 },
  run: async ({ sku, count }: Item) => {
    if (count < 1) throw new AbortTaskRunError(`${sku}: nothing was ordered`);
    return { sku, cents: sku.length * 100 * count };
  },
});

export const pack = task({
  id: "pack",
  machine: "micro",
  run: async (payload: { skus: string[] }) => `${payload.skus.length} things in one box`,
});

/** Prices every item at once, packs what could be priced, and sends a mail that nobody waits for. */
export const order = task({
  id: "order",
  maxDuration: 60,
  run: async (payload: { id: string; to: string; items: Item[] }, { ctx }) => {
    const priced = await price.batchTriggerAndWait(payload.items.map((item) => ({ payload: item })));
    const good = priced.runs.flatMap((run) => (run.ok ? [run.output] : []));
    for (const run of priced.runs)
      if (!run.ok) logger.warn("Left out", { run: run.id, error: String(run.error) });

    const box = await pack.triggerAndWait({ skus: good.map(({ sku }) => sku) }).unwrap();
    const idempotencyKey = await idempotencyKeys.create(["mail", payload.id]);
    const mail = await tasks.trigger<typeof legacy>(
      "legacy",
      { to: payload.to },
      { idempotencyKey, delay: "10s", tags: [`order:${payload.id}`] },
    );
    const { status } = await runs.retrieve<typeof legacy>(mail.id);
    logger.info("Ordered", { box, mail: status, attempt: ctx.attempt.number });
    return { cents: good.reduce((sum, { cents }) => sum + cents, 0), box };
  },
});

/** Different tasks in one batch: their results are told apart by the task's id. */
export const checkout = task({
  id: "checkout",
  run: async (payload: { order: string; item: Item }) => {
    const { runs: results } = await batch.triggerAndWait<typeof price | typeof pack>([
      { id: "price", payload: payload.item, options: { tags: `order:${payload.order}` } },
      { id: "pack", payload: { skus: [payload.item.sku] } },
    ]);
    for (const result of results) {
      if (!result.ok) continue;
      if (result.taskIdentifier === "price") logger.info("Costs", { cents: result.output.cents });
      else logger.info(result.output.toUpperCase());
    }
    return results.length;
  },
});
