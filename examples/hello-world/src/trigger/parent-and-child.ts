import { logger, task, wait } from "@longshore/sdk";
import { helloWorld } from "./hello.ts";

/** Triggers another task, waits for it, then pauses. While it waits it holds no slot. */
export const parentAndChild = task({
  id: "parent-and-child",
  description: "Waits for a run of hello-world, then for some seconds.",
  run: async (payload: { name: string; pauseSeconds?: number }) => {
    const { message } = await helloWorld.triggerAndWait({ name: payload.name }).unwrap();
    logger.info("The child answered", { message });
    await wait.for({ seconds: payload.pauseSeconds ?? 2 });
    return { fromChild: message };
  },
});
