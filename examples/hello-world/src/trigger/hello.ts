import { logger, task } from "@longshore/sdk";

/** Greets, and shows the two ways to write to a run's log. */
export const helloWorld = task({
  id: "hello-world",
  description: "Greets whoever the payload names.",
  run: async (payload: { name: string }, { ctx }) => {
    logger.info("Greeting", { name: payload.name, attempt: ctx.attempt.number });
    console.log(`console output of run ${ctx.run.id}`);
    logger.debug("Done");
    return { message: `Hello, ${payload.name}!` };
  },
});
