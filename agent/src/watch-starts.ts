import type { Clock } from "@longshore/shared/core/clock";
import type { Admission } from "./core/admission.ts";
import { type ContainerRuntime, StartError } from "./ports/container-runtime.ts";

/**
 * A runtime whose starts end within a time, and teach the admission where a run waits for them.
 *
 * A container that comes to be after its time is removed: nobody waits for it any more. Units: milliseconds.
 */
export const watchStarts = (
  runtime: ContainerRuntime,
  admission: Admission,
  clock: Clock,
  startMsMax: number,
): ContainerRuntime => ({
  ...runtime,
  start: (spec) => {
    const inTime = async () => {
      const settled = new AbortController();
      const starting = runtime.start(spec);
      const tooLong = clock.sleep(startMsMax, settled.signal).then(() => null);
      const id = await Promise.race([starting, tooLong]).finally(() => settled.abort());
      if (id !== null) return id;
      starting.then((late) => runtime.remove(late)).catch(() => {}); // the sweep finds what is left
      const seconds = Math.round(startMsMax / 1_000);
      throw new StartError(`The ${runtime.name} runtime did not start the run within ${seconds} s.`, true);
    };
    // What no agent could start must not keep this one from starting others.
    const isOfHost = (error: unknown) => !(error instanceof StartError && !error.retryable);
    return spec.isAhead ? inTime() : admission.watch(inTime, isOfHost);
  },
});
