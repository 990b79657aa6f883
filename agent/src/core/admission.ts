import type { Clock } from "@longshore/shared/core/clock";

/** An engine that takes longer than this for a start is given no other run until it is done. Units: milliseconds. */
const slowStartMs = 5_000;
/** How long nothing is started after a failed start, doubling with each. Units: milliseconds. */
const pauseMs = { min: 500, max: 8_000 };

/**
 * Whether this host can start runs now, so that none is claimed which could not run.
 *
 * I1  While an obstacle stands (no disk space, an outbox that cannot be written) nothing is claimed.
 * I2  After a failed start nothing is claimed for a pause; then one run at a time, until one has started.
 * I3  While a start hangs nothing more is claimed.
 */
export const createAdmission = (clock: Clock) => {
  const obstacles = new Map<string, string>();
  const pending = new Map<symbol, number>();
  const listeners = new Set<() => void>();
  let failures = 0;
  let retryAt = 0;
  let lastFailure = "";
  /** The last to fail was a container's start, and not what comes before or after it. */
  let wasContainer = false;

  const notify = (): void => {
    for (const listener of listeners) listener();
  };
  const noteFailure = (error: unknown): void => {
    retryAt = clock.monotonic() + Math.min(pauseMs.max, pauseMs.min * 2 ** failures);
    failures++;
    lastFailure = error instanceof Error ? error.message : String(error);
  };
  const hangsSince = (): number => Math.min(...pending.values());
  const isHung = (): boolean => clock.monotonic() - hangsSince() > slowStartMs;

  return {
    /** How many runs may be taken, when `preparing` are being started now. */
    room(preparing: number): number {
      if (obstacles.size > 0 || isHung()) return 0; // I1, I3
      if (failures === 0) return Number.POSITIVE_INFINITY;
      return clock.monotonic() >= retryAt && preparing === 0 ? 1 : 0; // I2
    },
    /** Why fewer than usual are taken; none when all is well. */
    reasons(): string[] {
      const starts = failures > 0 ? [`the last start failed: ${lastFailure}`] : [];
      return [...obstacles.values(), ...(isHung() ? ["a container does not start"] : []), ...starts];
    },
    /** Names or (with null) removes what stands in the way. */
    obstacle(name: string, reason: string | null): void {
      if ((obstacles.get(name) ?? null) === reason) return;
      if (reason === null) obstacles.delete(name);
      else obstacles.set(name, reason);
      notify();
    },
    /** A run has begun, whatever it was that failed before. */
    began(): void {
      if (failures === 0) return;
      failures = 0;
      notify();
    },
    /** A run's code or record could not be put in place, whatever became of its container. Only a run that begins ends it. */
    placeFailed(error: unknown): void {
      wasContainer = false;
      noteFailure(error);
      notify();
    },
    /** Runs a container's start, and learns from how it ends; not from a failure that says nothing of this host. */
    async watch<T>(start: () => Promise<T>, isOfHost: (error: unknown) => boolean = () => true): Promise<T> {
      const token = Symbol("start");
      pending.set(token, clock.monotonic());
      try {
        const started = await start();
        if (wasContainer) failures = 0;
        return started;
      } catch (error) {
        if (isOfHost(error)) {
          wasContainer = true;
          noteFailure(error);
        }
        throw error;
      } finally {
        pending.delete(token);
        notify();
      }
    },
    /** When the answer of `room` may change by itself; infinite when it cannot. Units: milliseconds from now. */
    dueInMs(): number {
      const now = clock.monotonic();
      const hangs = hangsSince() + slowStartMs + 1 - now;
      const retry = failures > 0 && retryAt > now ? retryAt - now : Number.POSITIVE_INFINITY;
      return Math.min(retry, hangs > 0 ? hangs : Number.POSITIVE_INFINITY);
    },
    onChange(listener: () => void): () => void {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
};

export type Admission = ReturnType<typeof createAdmission>;
