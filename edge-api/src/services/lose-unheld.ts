import type { PollBody } from "@longshore/shared/contract/agent-protocol";
import type { TaskError } from "@longshore/shared/contract/task-error";
import type { AgentRow } from "../db/queries/find-credentials.ts";
import { findUnheldLeases } from "../db/queries/find-unheld-leases.ts";
import { endAttempts } from "../db/transitions/end-attempts.ts";
import { errorFingerprint } from "../domain/error-fingerprint.ts";
import type { Deps } from "./deps.ts";
import { wakeAfter } from "./wake.ts";

const error: TaskError = {
  type: "INTERNAL_ERROR",
  code: "TASK_RUN_LEASE_LOST",
  message:
    "The agent that executed this attempt was started again without it: its data folder or its host was lost.",
};

/**
 * An agent's new process says in its first poll what is left of its runs. What it does not name is gone, and would
 * otherwise count as executing for as long as the agent is heard: it is lost now, and the retry policy decides.
 *
 * Cost: one round trip at each start of an agent; one more when something is lost.
 */
export const loseUnheld = async (deps: Deps, agent: AgentRow, body: PollBody): Promise<void> => {
  const { bootId, held } = body;
  const gone = await findUnheldLeases(deps.db, { agentId: agent.id, bootId, held });
  if (gone.length === 0) return;
  const ends = gone.map(({ runId, epoch }) => ({
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
  }));
  deps.log("agent.runs_lost", { agentId: agent.id, runs: gone.length });
  await wakeAfter(deps, (await endAttempts(deps.db, agent.id, ends)).hints);
};
