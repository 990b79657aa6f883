import type { Clock } from "@longshore/shared/core/clock";

/** Upper bounds of the buckets. Units: seconds. */
export const startBuckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30] as const;

export type Histogram = { counts: number[]; sum: number; count: number };
export type CallCount = { ok: number; error: number };

export type Measured = {
  polls: CallCount;
  reports: CallCount;
  leases: number;
  /** From a lease's arrival to its run's own start. Units: seconds. */
  starts: Histogram;
  startErrors: number;
};

/** How many arrivals are remembered while their run has not started. */
const arrivedMax = 10_000;

/** Counts what the agent does, for its metrics. */
export const createMeter = (clock: Clock) => {
  const measured: Measured = {
    polls: { ok: 0, error: 0 },
    reports: { ok: 0, error: 0 },
    leases: 0,
    starts: { counts: startBuckets.map(() => 0), sum: 0, count: 0 },
    startErrors: 0,
  };
  const arrived = new Map<string, number>();
  return {
    measured: (): Measured => structuredClone(measured),
    call(kind: "polls" | "reports", isOk: boolean): void {
      measured[kind][isOk ? "ok" : "error"]++;
    },
    leased(runId: string): void {
      measured.leases++;
      arrived.set(runId, clock.monotonic());
      if (arrived.size > arrivedMax) arrived.delete(arrived.keys().next().value as string);
    },
    /** The run itself began, or (a repeat) began before. */
    started(runId: string): void {
      const at = arrived.get(runId);
      if (at === undefined) return;
      arrived.delete(runId);
      const seconds = (clock.monotonic() - at) / 1_000;
      measured.starts.sum += seconds;
      measured.starts.count++;
      startBuckets.forEach((bound, index) => {
        if (seconds <= bound) measured.starts.counts[index] = (measured.starts.counts[index] ?? 0) + 1;
      });
    },
    startFailed(runId: string): void {
      measured.startErrors++;
      arrived.delete(runId);
    },
  };
};

export type Meter = ReturnType<typeof createMeter>;
