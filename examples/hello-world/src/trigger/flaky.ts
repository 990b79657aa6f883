import { logger, task } from "@longshore/sdk";

/** Fails on its first attempt and succeeds on the second. */
export const flaky = task({
  id: "flaky",
  description: "Shows a retry: the first attempt throws.",
  retry: { maxAttempts: 3, minTimeoutInMs: 500, maxTimeoutInMs: 2_000, factor: 2, randomize: false },
  run: async (_payload: unknown, { ctx }) => {
    if (ctx.attempt.number === 1) throw new Error("the first attempt always fails");
    logger.info("It worked", { attempt: ctx.attempt.number });
    return { attempts: ctx.attempt.number };
  },
  onFailure: ({ error }) => {
    logger.error("All attempts failed", { error: String(error) });
  },
});
