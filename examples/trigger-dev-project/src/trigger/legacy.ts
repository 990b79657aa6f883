import { logger, queue, task, wait } from "@trigger.dev/sdk/v3";

const emails = queue({ name: "emails", concurrencyLimit: 2 });

/** A task as it is written for Trigger.dev; not a line of it knows of Longshore. */
export const legacy = task({
  id: "legacy",
  queue: emails,
  machine: { preset: "micro" },
  run: async (payload: { to: string; sendAt?: Date }, { ctx }) => {
    if (payload.sendAt) await wait.until({ date: payload.sendAt });
    logger.log("Sending", { to: payload.to, run: ctx.run.id });
    return { sentTo: payload.to, attempt: ctx.attempt.number };
  },
});
