import { archiveUnusedDevSessions } from "../db/transitions/archive-dev-sessions.ts";
import type { Deps } from "./deps.ts";

/** How long nobody may use a development session before it is put away. Units: milliseconds. */
const unusedMs = 14 * 86_400_000;
/** What is days old is not looked for at each sweep. Units: milliseconds. */
const pauseMs = 3_600_000;

const lookAgainAtMs = new WeakMap<Deps["db"], number>();

/** Puts away the development sessions that nobody used for 14 days. Cost: one round trip an hour in each process. */
export const archiveUnused = async (deps: Pick<Deps, "db">): Promise<void> => {
  const nowMs = performance.now();
  if (nowMs < (lookAgainAtMs.get(deps.db) ?? 0)) return;
  lookAgainAtMs.set(deps.db, nowMs + pauseMs);
  await archiveUnusedDevSessions(deps.db, unusedMs);
};
