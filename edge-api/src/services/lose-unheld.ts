import type { HeldRun } from "@longshore/shared/contract/agent-protocol";
import type { TaskError } from "@longshore/shared/contract/task-error";
import type { AgentRow } from "../db/queries/find-credentials.ts";
import { findUnheldLeases, type UnheldLease } from "../db/queries/find-unheld-leases.ts";
import { endAttempts } from "../db/transitions/end-attempts.ts";
import { releaseRuns } from "../db/transitions/release-runs.ts";
import { errorFingerprint } from "../domain/error-fingerprint.ts";
import type { Deps } from "./deps.ts";
import { wakeAfter } from "./wake.ts";

const error: TaskError = {
  type: "INTERNAL_ERROR",
  code: "TASK_RUN_LEASE_LOST",
  message:
    "The agent that executed this attempt was started again without it: its data folder or its host was lost.",
};

const toLoss = ({ runId, epoch }: UnheldLease) => ({
  runId,
  epoch,
  outcome: "lost" as const,
  output: null,
  outputType: null,
  error,
  finalState: "system_failure" as const,
  retry: { spread: 1, delayMs: 0 },
  executedMs: 0,
  errorFingerprint: errorFingerprint(error),
});

const toRelease = ({ runId, epoch }: UnheldLease) => ({
  runId,
  epoch,
  reason: "The agent was started again without this run, before it began.",
  retryable: true,
});

/**
 * An agent's new process says in its first request what is left of its runs. What it does not name is gone, and would
 * otherwise count as executing, or wait, for as long as the agent is heard: what had begun is lost now and the retry policy decides;
 * what had not is given back. Comes before the claim that makes the new process known; a request whose cursor is not empty
 * was preceded by one.
 *
 * Cost: none but for the first requests of a process, then one round trip; one more for each kind of thing that is lost.
 */
export const loseUnheld = async (
  deps: Deps,
  agent: AgentRow,
  body: { bootId: string; cursor: string | null; held: readonly HeldRun[] },
): Promise<void> => {
  if (body.cursor) return;
  const { bootId, held } = body;
  const gone = await findUnheldLeases(deps.db, { agentId: agent.id, bootId, held });
  if (gone.length === 0) return;
  deps.log("agent.runs_lost", { agentId: agent.id, runs: gone.length });
  const begun = gone.filter(({ phase }) => phase !== "leased");
  const unstarted = gone.filter(({ phase }) => phase === "leased");
  if (begun.length > 0)
    await wakeAfter(deps, (await endAttempts(deps.db, agent.id, begun.map(toLoss))).hints);
  if (unstarted.length === 0) return;
  const released = await releaseRuns(deps.db, agent.id, unstarted.map(toRelease));
  await wakeAfter(deps, released.hints);
  // They come due in a second: a parked poll learns of that only by looking.
  if (released.nextDueAt !== null) await deps.hints.wakePool(agent.poolId);
};
