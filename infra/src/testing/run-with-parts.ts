import { isRunning } from "../services/service.ts";
import { bringUp } from "./bring-up.ts";
import { variableFor } from "./need.ts";

/**
 * Runs a program that needs a real engine, Postgres and Redis, and ends the process after it. What it needs is in the
 * environment of this process as tests find it, so that the program imports what reads that environment itself.
 */
export const runWithParts = async (work: () => Promise<void>): Promise<never> => {
  try {
    const parts = await bringUp(process.env, ["postgres", "redis", "docker", "runnerImage"]);
    try {
      for (const { need, service } of parts) {
        if (!isRunning(service)) throw new Error(`${need} is needed: ${service.missing}`);
        process.env[variableFor(need)] = service.url;
      }
      await work();
    } finally {
      await Promise.all(parts.map(({ service }) => (isRunning(service) ? service.stop() : undefined)));
    }
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
  process.exit();
};
