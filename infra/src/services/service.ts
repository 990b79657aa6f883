/**
 * A service that answers now.
 *
 * Shape: `url` is what its clients connect to (for a browser: the executable's path); `how` says in a few words where
 * it came from. `stop` ends only what we started and may be called twice.
 */
export interface RunningService {
  url: string;
  how: string;
  stop(): Promise<void>;
}

/** A service nobody can give us here, and why, in one line. */
export interface MissingService {
  missing: string;
}

/** What every `ensure*` answers: a running service, or the reason there is none. */
export type Service<Running extends RunningService = RunningService> = Running | MissingService;

/** True when the service answers. */
export function isRunning<Running extends RunningService>(service: Service<Running>): service is Running {
  return !("missing" in service);
}

/**
 * Tries each way in order and keeps the first that works; the reasons of the others become one line.
 *
 * Errors: a way that throws counts as missing, with its message as the reason.
 */
export async function firstService<Running extends RunningService>(
  ways: readonly (() => Promise<Service<Running>>)[],
): Promise<Service<Running>> {
  const reasons: string[] = [];
  for (const way of ways) {
    const service = await way().catch((error: unknown) => ({ missing: oneLine(error) }));
    if (isRunning(service)) return service;
    reasons.push(service.missing);
  }
  return { missing: reasons.join("; ") };
}

/** The message of anything thrown, on one line of at most 300 characters. */
export function oneLine(error: unknown): string {
  const text = error instanceof Error ? error.message || error.name : String(error);
  return text.replace(/\s+/g, " ").trim().slice(0, 300);
}
