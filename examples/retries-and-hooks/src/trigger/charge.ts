import { AbortTaskRunError, locals, logger, metadata, task } from "@longshore/sdk";
import { steps } from "./init.ts";

/** What a payment service might answer. */
class ServiceBusy extends Error {
  override name = "ServiceBusy";
}

/** Fails twice in ways that are worth another attempt, or at once in one that is not. */
export const charge = task({
  id: "charge",
  retry: { maxAttempts: 5, minTimeoutInMs: 1_000, factor: 2, maxTimeoutInMs: 10_000 },
  run: async (payload: { amount: number; card: string }, { ctx }) => {
    metadata.set("attempt", ctx.attempt.number);
    if (payload.card === "stolen")
      throw new AbortTaskRunError("the card is stolen: no attempt will change that");
    if (ctx.attempt.number < 3) throw new ServiceBusy(`busy at attempt ${ctx.attempt.number}`);
    return { charged: payload.amount, attempts: ctx.attempt.number, steps: locals.getOrThrow(steps) };
  },
  onStart: () => {
    locals.getOrThrow(steps).push("onStart");
  },
  onStartAttempt: ({ ctx }) => {
    locals.getOrThrow(steps).push(`attempt ${ctx.attempt.number}`);
  },
  /** A busy service says itself when to come back; whatever else is thrown follows `retry`. */
  catchError: ({ error }) => (error instanceof ServiceBusy ? { retryDelayInMs: 200 } : undefined),
  onSuccess: ({ output }) => {
    logger.info("Charged", { ...output });
  },
});
