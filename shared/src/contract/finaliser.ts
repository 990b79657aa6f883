import type { Packet } from "./packets.ts";
import type { RunContext } from "./run-context.ts";
import type { TaskError } from "./task-error.ts";

/**
 * What a finaliser run is given: the run that ended without its process, as far as the platform knows it. It is the
 * plain JSON of the run's payload.
 *
 * Shape: `run.startedAt` is when it was made where it never started; `attempt.number` is then 0.
 */
export type FinaliserPayload = Pick<RunContext, "attempt" | "run" | "queue" | "batch"> & {
  /** The task whose run it was. */
  task: string;
  payload: Packet;
  error: TaskError;
};
