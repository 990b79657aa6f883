import type { TaskError } from "@longshore/shared/contract/task-error";
import { type DueWork, findDueWork } from "../db/queries/find-due-work.ts";
import { findOpenWork } from "../db/queries/find-open-work.ts";
import { abortUnsealedBatches } from "../db/transitions/abort-batches.ts";
import { beatAgents } from "../db/transitions/beat-agents.ts";
import { findOpenBulkActions } from "../db/transitions/bulk-actions.ts";
import { type AttemptEnd, loseAttemptsOfSilentAgents } from "../db/transitions/end-attempts.ts";
import { expireLimitOverrides } from "../db/transitions/expire-limit-overrides.ts";
import { findLostLeases } from "../db/transitions/find-lost-leases.ts";
import { fitLanes } from "../db/transitions/fit-lanes.ts";
import { loseParkedRunsOfSilentAgents } from "../db/transitions/lose-parked-runs.ts";
import type { HintsDue } from "../db/transitions/move-result.ts";
import { purgeExpired } from "../db/transitions/purge-expired.ts";
import { releaseRuns } from "../db/transitions/release-runs.ts";
import { settleBatches } from "../db/transitions/settle-batches.ts";
import { settleLanes } from "../db/transitions/settle-lanes.ts";
import { wakeSettledRuns } from "../db/transitions/wake-settled-runs.ts";
import { errorFingerprint } from "../domain/error-fingerprint.ts";
import { archiveUnused } from "./archive-unused.ts";
import { sweepBundleParts } from "./bundle-parts.ts";
import type { Deps } from "./deps.ts";
import { releasePending } from "./release-pending.ts";
import { resealEnvVars } from "./reseal-env-vars.ts";
import { runDueWork } from "./run-due-work.ts";
import { tryPart } from "./try-part.ts";
import { wakeAfter } from "./wake.ts";
import { workBulkAction } from "./work-bulk-action.ts";

const lostError = (agentName: string): TaskError => ({
  type: "INTERNAL_ERROR",
  code: "TASK_RUN_LEASE_LOST",
  message: `The agent "${agentName}" that executed this attempt was not heard from any more.`,
});

type LostLease = Awaited<ReturnType<typeof findLostLeases>>["leases"][number];

const toLoss = (lease: LostLease): AttemptEnd => ({
  runId: lease.runId,
  epoch: lease.epoch,
  outcome: "lost",
  output: null,
  outputType: null,
  error: lostError(lease.agentName),
  finalState: "system_failure",
  retry: { spread: 1, delayMs: 0 },
  executedMs: 0,
  errorFingerprint: errorFingerprint(lostError(lease.agentName)),
});

/** An agent that is heard in this very moment is to learn at once what it has lost, not with its next beat. */
const alsoWaking = (hints: HintsDue, leases: readonly LostLease[]): HintsDue => ({
  ...hints,
  agentIds: [...new Set([...hints.agentIds, ...leases.map(({ agentId }) => agentId)])],
});

const loseLeases = async (deps: Deps, hasParked: boolean, heardMs: number | null): Promise<void> => {
  const { silentMs, startMs } = deps.settings;
  const { leases, silentSince } = await findLostLeases(deps.db, { silentMs, startMs, heardMs });
  const executing = leases.filter((lease) => lease.phase === "executing");
  const unstarted = leases.filter((lease) => lease.phase === "leased");
  if (executing.length > 0) {
    const lost = await loseAttemptsOfSilentAgents(deps.db, executing.map(toLoss), silentSince);
    await wakeAfter(deps, alsoWaking(lost.hints, executing));
  }
  if (unstarted.length > 0) {
    const releases = unstarted.map((lease) => ({
      runId: lease.runId,
      epoch: lease.epoch,
      reason: lease.isSilent
        ? `The agent "${lease.agentName}" went silent before it began.`
        : `The agent "${lease.agentName}" did not begin within ${Math.round(startMs / 1_000)} seconds.`,
      retryable: true,
    }));
    await wakeAfter(deps, alsoWaking((await releaseRuns(deps.db, null, releases)).hints, unstarted));
  }
  if (!hasParked) return;
  const parked = await loseParkedRunsOfSilentAgents(deps.db, silentSince, lostError("unknown"), heardMs);
  await wakeAfter(deps, parked.hints);
};

const settleOpenBatches = async (deps: Deps): Promise<void> => {
  await wakeAfter(deps, (await abortUnsealedBatches(deps.db)).hints);
  await wakeAfter(deps, (await settleBatches(deps.db, null)).hints);
};

const resumeBulkActions = async (deps: Deps): Promise<void> => {
  for (const id of await findOpenBulkActions(deps.db)) deps.later(workBulkAction(deps, id));
};

/** What needs no order among itself. */
const tidy = async (deps: Deps, found: DueWork): Promise<void> => {
  const part = (name: string, work: () => Promise<unknown>) => tryPart(deps, name, work);
  await Promise.all([
    part("settle lanes", () => settleLanes(deps.db, null)),
    part("reseal variables", () => resealEnvVars(deps)),
    part("archive unused", () => archiveUnused(deps)),
    ...(found.hasExpired ? [part("purge expired", () => purgeExpired(deps.db))] : []),
    ...(found.hasOldParts ? [part("sweep bundle parts", () => sweepBundleParts(deps))] : []),
    ...(found.hasWaits ? [part("wake settled runs", () => wakeSettledRuns(deps.db))] : []),
    ...(found.hasChangedLimits
      ? [
          part("expire limit overrides", () => expireLimitOverrides(deps.db)),
          part("fit lanes", () => fitLanes(deps.db)),
        ]
      : []),
  ]);
};

/**
 * The safety net under every hint, run at a slow beat by each process: writes down which idle agents were heard, moves
 * what is due, takes back what silent agents held, and finds work whose wake-up was lost.
 *
 * `upMs`: for how long agents could have been heard by now, without a break. While that is shorter than an agent's own silence may
 * last, that agent only had no one to speak to: nothing is taken from it. It is asked for after the first statement, which
 * may itself have waited for a database that was away. A caller that does not live between sweeps leaves it out.
 *
 * Errors: those of its first two statements, on which the rest hangs: nothing is taken from agents whose beats could not be
 * written. A later part that fails is logged by its name, and the others go on.
 *
 * Cost: about five statements when there is nothing to do, however many agents are parked; some more for what one of them
 * says there may be.
 */
export const sweep = async (deps: Deps, upMs = () => Number.POSITIVE_INFINITY): Promise<void> => {
  const beats = deps.presence?.drain() ?? [];
  if (beats.length > 0) await beatAgents(deps.db, beats);
  const found = await findDueWork(deps.db);
  const { beatMs, leaseMs, silentMs } = deps.settings;
  const heardMs = upMs() - beatMs - (silentMs - leaseMs);
  const part = (name: string, work: () => Promise<unknown>) => tryPart(deps, name, work);
  if (heardMs >= leaseMs && (found.holdsLeases || found.hasParked))
    await part("lose leases", () =>
      loseLeases(deps, found.hasParked, Number.isFinite(heardMs) ? heardMs : null),
    );
  if (found.isDue) await part("due work", () => runDueWork(deps));
  if (found.isPending) await part("release pending", () => releasePending(deps, null));
  if (found.hasBatches) await part("settle batches", () => settleOpenBatches(deps));
  await tidy(deps, found);
  if (found.hasBulkActions) await part("resume bulk actions", () => resumeBulkActions(deps));
  // Work that stands open has no one on the way to it, or its wake-up was lost: waking once more costs one claim.
  await part("find open work", async () => wakeAfter(deps, await findOpenWork(deps.db)));
};
