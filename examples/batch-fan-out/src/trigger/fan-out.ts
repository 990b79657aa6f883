import { batch, logger, queue, task } from "@longshore/sdk";

/** However many are triggered, three at a time. */
const resizing = queue({ name: "resizing", concurrencyLimit: 3 });

export const resize = task({
  id: "resize",
  queue: resizing,
  run: async (payload: { image: string; width: number }) => {
    if (payload.width <= 0) throw new Error(`no image is ${payload.width} wide`);
    return { image: payload.image, bytes: payload.width * 1_000 };
  },
  retry: { maxAttempts: 1 },
});

export const describe = task({
  id: "describe",
  run: async (payload: { image: string }) => `a picture of ${payload.image}`,
});

/** Fans out over one task, collects what came of each in order, then over several tasks at once. */
export const gallery = task({
  id: "gallery",
  run: async (payload: { images: string[]; widths: number[] }) => {
    const items = payload.images.flatMap((image) =>
      payload.widths.map((width) => ({ payload: { image, width } })),
    );
    const { runs } = await resize.batchTriggerAndWait(items);
    const failed = runs.filter((run) => !run.ok).length;
    const bytes = runs.reduce((sum, run) => sum + (run.ok ? run.output.bytes : 0), 0);
    logger.info("Resized", { count: runs.length, failed });
    const [first = "nothing"] = payload.images;
    const mixed = await batch.triggerByTaskAndWait([
      { task: describe, payload: { image: first } },
      { task: resize, payload: { image: first, width: 1 } },
    ]);
    const [text, small] = mixed.runs;
    return {
      resized: runs.length - failed,
      failed,
      bytes,
      text: text.ok ? text.output : null,
      small: small.ok ? small.output.bytes : null,
    };
  },
});
