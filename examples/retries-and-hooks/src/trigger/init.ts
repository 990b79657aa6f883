import { locals, logger, tasks } from "@longshore/sdk";

/** What the attempt holds for every task: here the steps that were taken. */
export const steps = locals.create<string[]>("steps");

// Loaded before any task: what is set here holds for all of them.
tasks.middleware("steps", async ({ next }) => {
  locals.set(steps, []);
  await next();
});
tasks.onFailure("tell", ({ error, ctx }) => {
  logger.error("A run has failed for good", { task: ctx.task.id, error: String(error) });
});
