import type { Meter } from "./core/meter.ts";
import type { Outbox } from "./ports/outbox.ts";

/** An outbox that tells the meter which runs began, and which could not; `began` hears of the former too. */
export const meterStarts = (outbox: Outbox, meter: Meter, began: () => void): Outbox => ({
  ...outbox,
  append(fact, from) {
    if (fact.kind === "started") {
      meter.started(fact.runId);
      began();
    }
    if (fact.kind === "released") meter.startFailed(fact.runId);
    return outbox.append(fact, from);
  },
});
