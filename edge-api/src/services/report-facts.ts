import type { Fact, FactResult, ReportBody, ReportResponse } from "@longshore/shared/contract/agent-protocol";
import type { TaskError } from "@longshore/shared/contract/task-error";
import type { AgentRow } from "../db/queries/find-credentials.ts";
import { appendLogs } from "../db/transitions/append-logs.ts";
import { type AttemptEnd, endAttempts } from "../db/transitions/end-attempts.ts";
import type { FencedResult, HintsDue } from "../db/transitions/move-result.ts";
import { releaseRuns } from "../db/transitions/release-runs.ts";
import { startRuns } from "../db/transitions/start-runs.ts";
import { waitRuns } from "../db/transitions/wait-runs.ts";
import { errorFingerprint } from "../domain/error-fingerprint.ts";
import { finalStateOf, isOutOfMemory, isRetryable } from "../domain/final-state.ts";
import { askedLease } from "../domain/lease-time.ts";
import { claimWork } from "./claim-work.ts";
import { toCompletedWaits } from "./completed-waits.ts";
import type { Deps } from "./deps.ts";
import { loseUnheld } from "./lose-unheld.ts";
import { offloadOutputs } from "./offload-packets.ts";
import { answer } from "./poll-work.ts";
import { wakeAfter } from "./wake.ts";

type EndFact = Extract<Fact, { kind: "completed" | "failed" | "canceled" }>;
type Of<K extends Fact["kind"]> = Extract<Fact, { kind: K }>;

/** Facts that one statement can take together, in the order in which statements must run. */
type Step =
  | { kind: "log"; facts: Of<"log">[] }
  | { kind: "started"; facts: Of<"started">[] }
  | { kind: "waiting"; facts: Of<"waiting">[] }
  | { kind: "ended"; facts: EndFact[] }
  | { kind: "released"; facts: Of<"released">[] };

const stepKind = (fact: Fact): Step["kind"] =>
  fact.kind === "completed" || fact.kind === "failed" || fact.kind === "canceled" ? "ended" : fact.kind;

/**
 * Groups facts into as few statements as keep each run's own order: a fact joins the last step of its kind unless its
 * run has a later step already.
 */
export const planSteps = (facts: readonly Fact[]): Step[] => {
  const steps: { kind: Step["kind"]; facts: Fact[] }[] = [];
  const lastOfRun = new Map<string, number>();
  for (const fact of [...facts].sort((a, b) => a.seq - b.seq)) {
    const kind = stepKind(fact);
    const from = lastOfRun.get(fact.runId) ?? 0;
    // A step takes one fact of a run, except for logs: two rows of one run in one statement would be one move.
    let at = steps.findIndex(
      (step, index) =>
        index >= from && step.kind === kind && (kind === "log" || index > from || !lastOfRun.has(fact.runId)),
    );
    if (at === -1) at = steps.push({ kind, facts: [] }) - 1;
    steps[at]?.facts.push(fact);
    lastOfRun.set(fact.runId, at);
  }
  return steps as Step[];
};

/**
 * Leaves to the end of an attempt what was to be told of its start, where one report speaks of both and of nothing but
 * logs between: one move of the run instead of two.
 *
 * Shape: `begun` names, for the number of a fact that ends an attempt, that of the fact that began it.
 */
export const mergeStarts = (steps: readonly Step[]): { steps: Step[]; begun: Map<number, number> } => {
  const begun = new Map<number, number>();
  const moves = steps.flatMap((step): Fact[] => (step.kind === "log" ? [] : step.facts));
  const next = new Map<string, Fact>();
  const merged = new Set<number>();
  for (const fact of [...moves].reverse()) {
    const after = next.get(fact.runId);
    next.set(fact.runId, fact);
    if (fact.kind !== "started" || after?.epoch !== fact.epoch || stepKind(after) !== "ended") continue;
    begun.set(after.seq, fact.seq);
    merged.add(fact.seq);
  }
  const left = steps.map((step) =>
    step.kind === "started" ? { ...step, facts: step.facts.filter(({ seq }) => !merged.has(seq)) } : step,
  );
  return { steps: left.filter(({ facts }) => facts.length > 0), begun };
};

const endOf = (deps: Deps, fact: EndFact, begins = false): AttemptEnd => {
  const base = { runId: fact.runId, epoch: fact.epoch, executedMs: fact.executedMs, begins };
  if (fact.kind === "completed") {
    return {
      ...base,
      outcome: "completed",
      output: fact.output,
      outputType: fact.outputType,
      error: null,
      finalState: "completed",
      retry: null,
    };
  }
  if (fact.kind === "canceled") {
    const error: TaskError = {
      type: "INTERNAL_ERROR",
      code: "TASK_RUN_CANCELLED",
      message: "The run was cancelled.",
    };
    return {
      ...base,
      outcome: "canceled",
      output: null,
      outputType: null,
      error,
      finalState: "canceled",
      retry: null,
    };
  }
  const mayRetry = fact.retry?.skip !== true && isRetryable(fact.error);
  return {
    ...base,
    isOutOfMemory: isOutOfMemory(fact.error),
    errorFingerprint: errorFingerprint(fact.error),
    outcome: "failed",
    output: null,
    outputType: null,
    error: fact.error,
    finalState: finalStateOf(fact.error),
    retry: mayRetry ? { spread: 1 + deps.random(), delayMs: fact.retry?.delayMs ?? null } : null,
  };
};

type Applied = { results: FactResult[]; hints: HintsDue[]; isDueSoon: boolean };

const pair = (facts: readonly Fact[], results: readonly FencedResult[]): FactResult[] =>
  results.map((result, index) => ({ seq: facts[index]?.seq ?? 0, result: result.kind }));

/** A wait for something that is not there cannot end: the attempt fails with a sentence instead of hanging. */
const failBrokenWaits = async (
  deps: Deps,
  agent: AgentRow,
  facts: readonly Of<"waiting">[],
): Promise<HintsDue[]> => {
  if (facts.length === 0) return [];
  const error: TaskError = {
    type: "INTERNAL_ERROR",
    code: "TASK_EXECUTION_FAILED",
    message: "The run waits for something that does not exist.",
  };
  const ends = facts.map((fact) =>
    endOf(deps, { ...fact, kind: "failed", error, retry: { skip: true }, executedMs: 0 }),
  );
  return [(await endAttempts(deps.db, agent.id, ends)).hints];
};

const applyWaits = async (deps: Deps, agent: AgentRow, facts: Of<"waiting">[]): Promise<Applied> => {
  const waited = await waitRuns(deps.db, agent.id, facts);
  const broken = facts.filter((_, index) => waited.results[index]?.kind === "broken");
  return {
    results: await Promise.all(
      waited.results.map(async (result, index) => ({
        seq: facts[index]?.seq ?? 0,
        result: result.kind === "broken" ? ("refused" as const) : result.kind,
        ...(result.kind === "ready"
          ? { waits: await toCompletedWaits(deps, result.environmentId ?? "", result.waits) }
          : {}),
      })),
    ),
    hints: [waited.hints, ...(await failBrokenWaits(deps, agent, broken))],
    isDueSoon: waited.nextDueAt !== null,
  };
};

const apply = async (
  deps: Deps,
  agent: AgentRow,
  step: Step,
  begun: ReadonlyMap<number, number>,
): Promise<Applied> => {
  switch (step.kind) {
    case "log": {
      await appendLogs(
        deps.db,
        agent.id,
        step.facts.flatMap((fact) =>
          fact.lines.map((line) => ({ ...line, runId: fact.runId, epoch: fact.epoch })),
        ),
      );
      return {
        results: step.facts.map((fact) => ({ seq: fact.seq, result: "moved" })),
        hints: [],
        isDueSoon: false,
      };
    }
    case "started":
      return {
        results: pair(step.facts, await startRuns(deps.db, agent.id, step.facts)),
        hints: [],
        isDueSoon: false,
      };
    case "waiting":
      return applyWaits(deps, agent, step.facts);
    case "ended": {
      const ended = await endAttempts(
        deps.db,
        agent.id,
        step.facts.map((fact) => endOf(deps, fact, begun.has(fact.seq))),
      );
      const results = pair(step.facts, ended.results);
      return {
        results: results.flatMap((result) => {
          const startSeq = begun.get(result.seq);
          return startSeq === undefined ? [result] : [{ ...result, seq: startSeq }, result];
        }),
        hints: [ended.hints],
        isDueSoon: ended.nextDueAt !== null,
      };
    }
    case "released": {
      const released = await releaseRuns(deps.db, agent.id, step.facts);
      return {
        results: pair(step.facts, released.results),
        hints: [released.hints],
        isDueSoon: released.nextDueAt !== null,
      };
    }
  }
};

/**
 * `POST /agent/v1/report`: what happened, a beat, and the next work, in one request. Repeating it changes nothing. It may
 * come before the first poll of its process, and then says in that poll's place what is held.
 *
 * Cost: one round trip for each kind of fact in it and one for the claim, however many runs it speaks of; a start and an
 * end that come together count as one.
 */
export const reportFacts = async (deps: Deps, agent: AgentRow, body: ReportBody): Promise<ReportResponse> => {
  const applied: Applied[] = [];
  const { steps, begun } = mergeStarts(planSteps(await offloadOutputs(deps, body.facts)));
  for (const step of steps) applied.push(await apply(deps, agent, step, begun));
  await loseUnheld(deps, agent, body);
  // Before its own claim: what goes on elsewhere comes before new work here.
  const due = applied.flatMap(({ hints }) => hints);
  await wakeAfter(deps, {
    environmentIds: [...new Set(due.flatMap(({ environmentIds }) => environmentIds))],
    agentIds: [...new Set(due.flatMap(({ agentIds }) => agentIds))],
  });
  const request = {
    agentId: agent.id,
    bootId: body.bootId,
    free: body.free,
    slots: body.slots,
    room: body.room ?? null,
    lease: askedLease(deps.settings, body.leaseMs),
    held: body.held,
    version: null,
    runtime: null,
    labels: null,
    draining: null,
  };
  const work = await claimWork(deps, request, agent.poolId);
  // A parked poll learns of a new due time only by looking: one is enough.
  if (applied.some(({ isDueSoon }) => isDueSoon)) await deps.hints.wakePool(agent.poolId);
  const results = applied.flatMap((step) => step.results);
  return { ...answer(deps, work, body.cursor ?? "", work.draining, body.leaseMs), results };
};
