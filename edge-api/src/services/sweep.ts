import type { TaskError } from "@longshore/shared/contract/task-error";
import { findOpenWork } from "../db/queries/find-open-work.ts";
import { abortUnsealedBatches } from "../db/transitions/abort-batches.ts";
import { beatAgents } from "../db/transitions/beat-agents.ts";
import { findOpenBulkActions } from "../db/transitions/bulk-actions.ts";
import { type AttemptEnd, loseAttemptsOfSilentAgents } from "../db/transitions/end-attempts.ts";
import { expireLimitOverrides } from "../db/transitions/expire-limit-overrides.ts";
import { findLostLeases } from "../db/transitions/find-lost-leases.ts";
import { fitLanes } from "../db/transitions/fit-lanes.ts";
import { loseParkedRunsOfSilentAgents } from "../db/transitions/lose-parked-runs.ts";
import { purgeExpired } from "../db/transitions/purge-expired.ts";
import { releaseRuns } from "../db/transitions/release-runs.ts";
import { settleBatches } from "../db/transitions/settle-batches.ts";
import { settleLanes } from "../db/transitions/settle-lanes.ts";
import { wakeSettledRuns } from "../db/transitions/wake-settled-runs.ts";
import { errorFingerprint } from "../domain/error-fingerprint.ts";
import type { Deps } from "./deps.ts";
import { releasePending } from "./release-pending.ts";
import { resealEnvVars } from "./reseal-env-vars.ts";
import { runDueWork } from "./run-due-work.ts";
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

const loseLeases = async (deps: Deps): Promise<void> => {
  const { silentMs, startMs } = deps.settings;
  const { leases, silentSince } = await findLostLeases(deps.db, { silentMs, startMs });
  const executing = leases.filter((lease) => lease.phase === "executing");
  const unstarted = leases.filter((lease) => lease.phase === "leased");
  if (executing.length > 0) {
    const lost = await loseAttemptsOfSilentAgents(deps.db, executing.map(toLoss), silentSince);
    await wakeAfter(deps, lost.hints);
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
    await wakeAfter(deps, (await releaseRuns(deps.db, null, releases)).hints);
  }
  const parked = await loseParkedRunsOfSilentAgents(deps.db, silentSince, lostError("unknown"));
  await wakeAfter(deps, parked.hints);
};

/**
 * The safety net under every hint, run at a slow beat by each process: writes down which idle agents were heard, moves
 * what is due, takes back what silent agents held, and finds work whose wake-up was lost.
 *
 * Cost: a handful of statements, however many agents are parked.
 */
export const sweep = async (deps: Deps): Promise<void> => {
  const beats = deps.presence?.drain() ?? [];
  if (beats.length > 0) await beatAgents(deps.db, beats);
  await loseLeases(deps);
  await runDueWork(deps);
  await releasePending(deps, null);
  const [aborted, settled] = await Promise.all([
    abortUnsealedBatches(deps.db),
    settleBatches(deps.db, null),
    settleLanes(deps.db, null),
    wakeSettledRuns(deps.db),
    resealEnvVars(deps),
    purgeExpired(deps.db),
    expireLimitOverrides(deps.db),
    fitLanes(deps.db),
  ]);
  await wakeAfter(deps, aborted.hints);
  await wakeAfter(deps, settled.hints);
  for (const id of await findOpenBulkActions(deps.db)) deps.later(workBulkAction(deps, id));
  // Work that stands open has no one on the way to it, or its wake-up was lost: waking once more costs one claim.
  await wakeAfter(deps, await findOpenWork(deps.db));
};
