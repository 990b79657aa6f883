import type { FinaliserPayload } from "@longshore/shared/contract/finaliser";
import type { TaskError } from "@longshore/shared/contract/task-error";
import { type DueFinaliser, findDueFinalisers } from "../db/queries/find-due-finalisers.ts";
import { type SettledFinaliser, settleFinalisers } from "../db/transitions/settle-finalisers.ts";
import type { Deps } from "./deps.ts";
import type { TriggerRequest } from "./to-trigger-item.ts";
import { wireDate } from "./wire-date.ts";
import { type TriggerResult, triggerAll } from "./write-triggers.ts";

/** Finalisers that one round makes: each carries a payload. */
const roundMax = 100;
/** How long one is tried that something stands in the way of. Units: milliseconds. */
const triedMsMax = 86_400_000;

/** Of a run that ended without an error of its own. */
const errorOf = ({ error, state }: DueFinaliser): TaskError =>
  error ?? { type: "STRING_ERROR", raw: `The run ended: ${state.replaceAll("_", " ")}.` };

const runOf = (due: DueFinaliser): FinaliserPayload["run"] => ({
  id: due.runId,
  tags: due.tags,
  isTest: due.isTest,
  isReplay: due.isReplay,
  createdAt: wireDate(due.createdAt),
  startedAt: wireDate(due.startedAt ?? due.createdAt),
  ...(due.idempotencyKey === null ? {} : { idempotencyKey: due.idempotencyKey }),
  ...(due.maxAttempts === null ? {} : { maxAttempts: due.maxAttempts }),
  ...(due.version === null ? {} : { version: due.version }),
  ...(due.maxDurationS === null ? {} : { maxDuration: due.maxDurationS }),
  priority: due.priority,
  durationMs: due.executedMs,
  costInCents: 0,
  baseCostInCents: 0,
  ...(due.parentRunId === null ? {} : { parentTaskRunId: due.parentRunId }),
  ...(due.rootRunId === null ? {} : { rootTaskRunId: due.rootRunId }),
  ...(due.region === null ? {} : { region: due.region }),
  ...(due.labels === null ? {} : { labels: due.labels }),
  ...(due.metadata === null ? {} : { metadata: due.metadata }),
});

const payloadOf = (due: DueFinaliser): FinaliserPayload => ({
  task: due.task,
  payload: { data: due.payload, type: due.payloadType },
  error: errorOf(due),
  attempt: {
    number: due.attempt,
    startedAt: wireDate(due.attemptStartedAt ?? due.startedAt ?? due.createdAt),
  },
  run: runOf(due),
  queue: due.queue ?? { id: "", name: "" },
  ...(due.batchId === null ? {} : { batch: { id: due.batchId } }),
});

/** One end is one request, whoever sends it: a key that no header can spell, and that a failed run does not release. */
const requestOf = (due: DueFinaliser): TriggerRequest => ({
  task: due.finaliser,
  body: {
    payload: JSON.stringify(payloadOf(due)),
    options: {
      payloadType: "application/json",
      parentRunId: due.runId,
      test: due.isTest,
      ...(due.version === null ? {} : { lockToVersion: due.version }),
      ...(due.region === null ? {} : { region: due.region }),
      ...(due.labels === null ? {} : { labels: due.labels }),
    },
  },
  requestKey: `\nfinaliser\n${due.runId}`,
  idempotencyKey: null,
  idempotencyKeyTtl: null,
  origin: { triggerFunction: "finaliser" },
});

/** A version without the task never gets it; anything else may pass. */
const endOf = (deps: Deps, due: DueFinaliser, result: TriggerResult | undefined): SettledFinaliser => {
  const { runId, finaliser } = due;
  if (result?.kind === "ok") return { runId, kind: "over" };
  if (result?.error.code !== "not_found" && due.ageMs < triedMsMax) return { runId, kind: "blocked" };
  deps.log("finaliser.not_fired", { runId, task: finaliser, error: result?.error.message ?? "no answer" });
  return { runId, kind: "over" };
};

/**
 * Makes the finaliser runs that are due, each exactly once however many processes try: all of them send the same request,
 * and only the first one's makes a run. The end's row goes after it; a process that dies in between leaves the row to the
 * next one, which finds the run.
 *
 * Shape: whether there may be more. Cost: a statement when nothing is due; else three for each environment's hundred.
 */
export const fireFinalisers = async (deps: Deps): Promise<{ more: boolean }> => {
  const found = await findDueFinalisers(deps.db, roundMax);
  if (found.length === 0) return { more: false };
  const places = new Map<string, DueFinaliser[]>();
  for (const due of found.filter(({ isMade }) => !isMade)) {
    const place = places.get(due.environmentId) ?? [];
    places.set(due.environmentId, place);
    place.push(due);
  }
  const made = found.filter(({ isMade }) => isMade);
  const fired = await Promise.all(
    [...places].map(async ([environmentId, group]) => {
      const results = await triggerAll(deps, environmentId, group.map(requestOf));
      return group.map((due, nth) => endOf(deps, due, results[nth]));
    }),
  );
  const over = made.map(({ runId }): SettledFinaliser => ({ runId, kind: "over" }));
  await settleFinalisers(deps.db, [...over, ...fired.flat()]);
  return { more: found.length === roundMax };
};
